//! A processor in real mode that knows the few instructions of a boot program's parts, on a bus that a test models.
//!
//! An instruction that it does not know is a panic that shows it. Memory is only the program and the stack.

use iced_x86::{Decoder, DecoderOptions, Instruction, MemorySize, Mnemonic, OpKind, Register};

/// What the program can reach besides its memory.
pub trait Bus {
    /// Reads `bytes` bytes from a port.
    fn read(&mut self, port: u16, bytes: usize) -> u32;
    /// Writes `bytes` bytes to a port.
    fn write(&mut self, port: u16, bytes: usize, value: u32);
    /// Reads a model-specific register.
    fn read_msr(&mut self, number: u32) -> u64;
    /// Writes a model-specific register.
    fn write_msr(&mut self, number: u32, value: u64);
}

/// The address that ends a run when the program returns to it.
const OUTSIDE: u16 = 0xfff0;
/// More instructions than any part needs.
const LIMIT: usize = 10_000;

/// The processor, with a program in its memory.
pub struct Processor<B> {
    memory: Vec<u8>,
    registers: [u32; 8],
    next: u16,
    carry: bool,
    zero: bool,
    /// The bus.
    pub bus: B,
}

impl<B: Bus> Processor<B> {
    /// A processor with `program` at `origin`.
    pub fn new(program: &[u8], origin: u16, bus: B) -> Self {
        let mut memory = vec![0; 0x1_0000];
        memory[usize::from(origin)..][..program.len()].copy_from_slice(program);
        Self { memory, registers: [0; 8], next: origin, carry: false, zero: false, bus }
    }

    /// Calls the routine at `address` with `ax` in `%ax`. Returns `%ax`, or `None` if carry is set.
    pub fn call(&mut self, address: u16, ax: u16) -> Option<u16> {
        self.registers = [0xdead_beef; 8];
        self.set(Register::SP, 0x7c00);
        self.set(Register::AX, ax.into());
        self.push(OUTSIDE);
        self.next = address;
        for _ in 0..LIMIT {
            if self.next == OUTSIDE {
                return (!self.carry).then(|| self.get(Register::AX) as u16);
            }
            self.step();
        }
        panic!("it does not return");
    }

    fn step(&mut self) {
        let at = usize::from(self.next);
        let code = &self.memory[at..];
        let instruction = Decoder::with_ip(16, code, at as u64, DecoderOptions::NONE).decode();
        self.next = instruction.next_ip16();
        self.execute(&instruction);
    }

    fn execute(&mut self, instruction: &Instruction) {
        let bits = bits(instruction);
        let first = || self.operand(instruction, 0);
        let second = || self.operand(instruction, 1);
        match instruction.mnemonic() {
            Mnemonic::Mov | Mnemonic::Movzx => self.store(instruction, second()),
            Mnemonic::Lea => self.store(instruction, self.address(instruction)),
            Mnemonic::Xchg => {
                let (one, other) = (first(), second());
                self.set(instruction.op0_register(), other);
                self.set(instruction.op1_register(), one);
            }
            Mnemonic::Add => {
                let sum = u64::from(first()) + u64::from(second());
                self.carry = sum >> bits != 0;
                self.result(instruction, sum as u32);
            }
            Mnemonic::Imul => {
                assert_eq!(instruction.op_count(), 3, "{instruction}");
                let product = second().wrapping_mul(self.operand(instruction, 2));
                self.store(instruction, product);
            }
            Mnemonic::Cmp => {
                let (one, other) = (first(), second());
                (self.carry, self.zero) = (one < other, one == other);
            }
            Mnemonic::Test => self.logic(first() & second(), bits),
            Mnemonic::And => {
                self.logic(first() & second(), bits);
                self.store(instruction, self.operand(instruction, 0) & self.operand(instruction, 1));
            }
            Mnemonic::Or => {
                self.logic(first() | second(), bits);
                self.store(instruction, self.operand(instruction, 0) | self.operand(instruction, 1));
            }
            Mnemonic::Xor => {
                self.logic(first() ^ second(), bits);
                self.store(instruction, self.operand(instruction, 0) ^ self.operand(instruction, 1));
            }
            Mnemonic::Stc => self.carry = true,
            Mnemonic::Clc => self.carry = false,
            Mnemonic::Jmp => self.next = instruction.near_branch16(),
            Mnemonic::Je => self.jump_if(self.zero, instruction),
            Mnemonic::Jne => self.jump_if(!self.zero, instruction),
            Mnemonic::Jb => self.jump_if(self.carry, instruction),
            Mnemonic::Jae => self.jump_if(!self.carry, instruction),
            Mnemonic::Jbe => self.jump_if(self.carry || self.zero, instruction),
            Mnemonic::Call => {
                self.push(self.next);
                self.next = instruction.near_branch16();
            }
            Mnemonic::Ret => self.next = self.pop(),
            Mnemonic::In => {
                let value = self.bus.read(self.get(Register::DX) as u16, bits / 8);
                self.set(instruction.op0_register(), value);
            }
            Mnemonic::Out => {
                let bytes = instruction.op1_register().size();
                self.bus.write(self.get(Register::DX) as u16, bytes, second());
            }
            Mnemonic::Rdmsr => {
                let value = self.bus.read_msr(self.get(Register::ECX));
                self.set(Register::EAX, value as u32);
                self.set(Register::EDX, (value >> 32) as u32);
            }
            Mnemonic::Wrmsr => {
                let value = u64::from(self.get(Register::EDX)) << 32 | u64::from(self.get(Register::EAX));
                self.bus.write_msr(self.get(Register::ECX), value);
            }
            _ => panic!("not known: {instruction}"),
        }
    }

    fn jump_if(&mut self, condition: bool, instruction: &Instruction) {
        if condition {
            self.next = instruction.near_branch16();
        }
    }

    /// Sets the flags as a logical instruction does.
    fn logic(&mut self, value: u32, bits: usize) {
        self.carry = false;
        self.zero = masked(value, bits) == 0;
    }

    fn result(&mut self, instruction: &Instruction, value: u32) {
        self.zero = masked(value, bits(instruction)) == 0;
        self.store(instruction, value);
    }

    fn store(&mut self, instruction: &Instruction, value: u32) {
        assert_eq!(instruction.op0_kind(), OpKind::Register, "not known: {instruction}");
        self.set(instruction.op0_register(), value);
    }

    fn operand(&self, instruction: &Instruction, number: u32) -> u32 {
        match instruction.op_kind(number) {
            OpKind::Register => self.get(instruction.op_register(number)),
            OpKind::Memory => panic!("not known: {instruction}"),
            _ => masked(instruction.immediate(number) as u32, bits(instruction)),
        }
    }

    /// The effective address, in 16 bits.
    fn address(&self, instruction: &Instruction) -> u32 {
        assert_eq!(instruction.memory_size(), MemorySize::Unknown, "{instruction}");
        assert_eq!(instruction.memory_index(), Register::None, "{instruction}");
        let base = self.get(instruction.memory_base());
        masked(base.wrapping_add(instruction.memory_displacement32()), 16)
    }

    fn push(&mut self, value: u16) {
        let at = self.get(Register::SP) - 2;
        self.set(Register::SP, at);
        self.memory[at as usize..][..2].copy_from_slice(&value.to_le_bytes());
    }

    fn pop(&mut self) -> u16 {
        let at = self.get(Register::SP) as usize;
        self.set(Register::SP, at as u32 + 2);
        u16::from_le_bytes([self.memory[at], self.memory[at + 1]])
    }

    fn get(&self, register: Register) -> u32 {
        let (index, shift, bits) = place(register);
        masked(self.registers[index] >> shift, bits)
    }

    fn set(&mut self, register: Register, value: u32) {
        let (index, shift, bits) = place(register);
        let mask = masked(u32::MAX, bits) << shift;
        self.registers[index] = self.registers[index] & !mask | value << shift & mask;
    }
}

/// The index of the 32-bit register that contains `register`, the first bit of it and the number of its bits.
fn place(register: Register) -> (usize, u32, usize) {
    let high = matches!(register, Register::AH | Register::BH | Register::CH | Register::DH);
    (register.full_register32().number(), if high { 8 } else { 0 }, register.size() * 8)
}

/// The bits of an instruction's operands: of its first register.
fn bits(instruction: &Instruction) -> usize {
    match instruction.op0_kind() {
        OpKind::Register => instruction.op0_register().size() * 8,
        _ => 32,
    }
}

fn masked(value: u32, bits: usize) -> u32 {
    if bits == 32 { value } else { value & ((1 << bits) - 1) }
}
