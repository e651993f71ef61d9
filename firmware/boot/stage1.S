/*
 * The MBR: loads the boot manager from the gap before the first slice and enters it.
 *
 * The BIOS loads this program at 0:0x7c00 with the drive number in %dl. The disk has two copies of the manager, each with a
 * magic number and a checksum, so a bad sector costs a line on the console and not the unit. If neither copy is good, the BIOS
 * may try its next boot device (INT 18h). Only the manager reads the table of slices.
 *
 * The program ends before the disk serial number at 440; the builder checks that.
 *
 * The builder defines these constants, taken from the firmware crate: CONSOLE_DIVISOR, MANAGER_FIRST, MANAGER_SECOND,
 * MANAGER_ORIGIN, MANAGER_MAGIC_LOW, MANAGER_ENTRY; and MANAGER_BYTES, the length of the manager it has assembled.
 */
	.set SECTOR, 512
	.set DRIVE, start + SECTOR	# The byte after the relocated sector.
	.set MANAGER, MANAGER_ORIGIN

#include "relocate.inc"
	movb %dl, DRIVE
	call console_open
	movw $MANAGER_FIRST, %ax
	call enter_copy
	movw $MANAGER_SECOND, %ax
	call enter_copy
	movw $none, %si
	call print
	int $0x18
halt:
	hlt				# The BIOS has no other boot device.
	jmp halt

/* Enters the copy of the manager at sector %ax with the drive number in %dl. If the copy is bad, prints why and returns. */
enter_copy:
	incb number
	movzwl %ax, %eax
	movw $MANAGER, %bx
load_next:
	movw $unreadable, %di
	call read_sector
	jc bad
	incl %eax
	addw $SECTOR, %bx
	cmpw $MANAGER + MANAGER_BYTES, %bx
	jb load_next

/* The rotation makes the checksum depend on order. All zeros have a valid checksum, but no magic number. */
	movw $MANAGER, %si
	xorl %ebp, %ebp
sum_next:
	lodsl
	roll $1, %ebp
	addl %eax, %ebp
	cmpw %bx, %si
	jb sum_next
	movw $damaged, %di
	testl %ebp, %ebp
	jnz bad
	cmpl $MANAGER_MAGIC_LOW, MANAGER
	jne bad
	movb DRIVE, %dl
	ljmp $0, $MANAGER + MANAGER_ENTRY

bad:
	movw $copy, %si
	call print
	movw %di, %si
	jmp print

#include "disk.inc"
#include "console.inc"

copy:		.ascii "boot manager copy "
number:		.asciz "0"
unreadable:	.asciz " unreadable\r\n"
damaged:	.asciz " damaged\r\n"
none:		.asciz "no boot manager\r\n"
