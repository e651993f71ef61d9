/*
 * The MBR: loads the boot manager from the gap before the first slice and enters it.
 *
 * The BIOS loads it at 0:0x7c00 with the drive in %dl. The manager is there twice, each copy with a magic number and a sum, so
 * that a sector that has gone bad costs a line on the console and not the unit. When neither copy is good the BIOS may try
 * its next boot device (INT 18h). The table of slices is the manager's business and not looked at here.
 *
 * It ends before the disk's serial number at 440; the builder checks that.
 *
 * From the builder, which has them from the firmware crate: CONSOLE_DIVISOR, MANAGER_FIRST, MANAGER_SECOND, MANAGER_ORIGIN,
 * MANAGER_MAGIC_LOW, MANAGER_ENTRY; and MANAGER_BYTES, the length of this very manager.
 */
	.set SECTOR, 512
	.set DRIVE, start + SECTOR	# The byte behind the relocated sector.
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
	hlt				# The BIOS knows nothing else to start.
	jmp halt

/* Enters the copy of the manager at sector %ax with the drive in %dl. Comes back, and has told why, when it is not good. */
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

/* The turns make the sum tell order, too. Zeros have the sum of a good copy, and not its magic. */
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
