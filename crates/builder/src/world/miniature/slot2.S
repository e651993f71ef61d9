/*
 * Sectors 2 to 15 of the miniature world's slot, where FreeBSD's boot2 is: tells on the serial console which slot it was
 * started from and which version that slot holds, and halts.
 *
 * It is loaded at 0x9000 and entered at 0x9010 in real mode, with the drive at 0x900 and the slice number, 1 to 4, at 0x901,
 * as boot1 leaves them for boot2. It needs nothing else of what started it.
 *
 * From the builder, which has them from the firmware crate: SLOT_HEADER_SECTOR, SLOT_MAGIC_LOW, SLOT_MAGIC_HIGH,
 * SLOT_VERSION, RECORD_CRC.
 */
	.set STACK, 0x7c00
	.set BUFFER, 0x7c00		# One sector.
	.set DRIVE, 0x900
	.set SLICE, 0x901
	.set SECTOR, 512
	.set SECTORS, 14
	.set TABLE, BUFFER + 446
	.set ENTRY_START, 8
	.set SLICES, 4

	.code16
	.globl start
/* boot2 begins with BTX, and that with a header: boot1 reads the length at 10 to know what to move to 0xc000. */
start:
	jmp entry
	.org 10
	.word SECTORS * SECTOR
	.org 16
entry:
	cli
	xorw %ax, %ax
	movw %ax, %ss
	movw $STACK, %sp
	sti
	movw %ax, %ds
	movw %ax, %es
	cld
	call console_open
	movw $text_line, %si		# The line may still hold what a boot manager printed.
	call print
	movw $text_slot, %si
	call print
	movb SLICE, %al
	addb $'0', %al
	call put_char
	movw $text_comma, %si
	call print

	movw $text_none, %bp
	movzbw SLICE, %di
	decw %di
	cmpw $SLICES, %di
	jae tell

	movw $text_read, %bp
	xorl %eax, %eax
	movw $BUFFER, %bx
	call read_sector
	jc tell
	shlw $4, %di
	movl TABLE + ENTRY_START(%di), %eax
	addl $SLOT_HEADER_SECTOR, %eax
	call read_sector
	jc tell

	movw $text_empty, %bp
	cmpl $SLOT_MAGIC_LOW, BUFFER
	jne tell
	cmpl $SLOT_MAGIC_HIGH, BUFFER + 4
	jne tell

	movw $text_damaged, %bp
	xorl %edx, %edx
	xchgl %edx, BUFFER + RECORD_CRC	# The checksum counts its own field as zero.
	movw $BUFFER, %si
	call crc32
	cmpl %edx, %eax
	jne tell

	movw $text_version, %si
	call print
	movw $BUFFER + SLOT_VERSION, %bp
tell:
	movw %bp, %si
	call print
	movw $text_halted, %si
	call print
halt:
	sti				# Ctrl-Alt-Del and a watchdog still work.
	hlt
	jmp halt

#include "crc32.inc"
#include "disk.inc"
#include "console.inc"

text_line:	.asciz "\r\n"
text_slot:	.asciz "sluice miniature: slot "
text_comma:	.asciz ", "
text_version:	.asciz "version "
text_none:	.asciz "which is none: started with a slice number that no MBR has"
text_read:	.asciz "cannot read its header from the disk"
text_empty:	.asciz "no header: the slot is empty"
text_damaged:	.asciz "header damaged: its checksum does not hold"
text_halted:	.asciz "\r\nsluice miniature: this world has no kernel, halted\r\n"
