/*
 * The miniature world's MBR: starts the active slice, as FreeBSD's boot/mbr does.
 *
 * The BIOS loads it at 0:0x7c00 with the drive in %dl. It makes way for the slice's first sector, which goes to the same
 * place, and hands on the drive in %dl and the slice's table entry in %si. Whatever stops it is told on the serial console;
 * then the BIOS may try its next boot device (INT 18h).
 *
 * It ends before the disk's serial number at 440; the builder checks that.
 */
	.set TABLE, start + 446
	.set TABLE_END, start + 510
	.set ENTRY_BYTES, 16
	.set ENTRY_START, 8
	.set ACTIVE, 0x80
	.set MAGIC_AT, 510
	.set MAGIC, 0xaa55
	.set DRIVE, start + 512		# The byte behind the relocated sector.

#include "relocate.inc"
	movb %dl, DRIVE
	call console_open

/* Exactly one entry is active, and no flag is something else: a damaged table starts nothing. */
	xorw %di, %di
	movw $TABLE, %si
	movw $no_active, %bx
next_entry:
	movb (%si), %al
	testb $0x7f, %al
	jnz bad_table
	testb %al, %al
	jz not_active
	testw %di, %di
	jnz bad_table
	movw %si, %di
not_active:
	addw $ENTRY_BYTES, %si
	cmpw $TABLE_END, %si
	jb next_entry
	testw %di, %di
	jz fail

	movw %di, %si
	movl ENTRY_START(%si), %eax
	movw $LOADED, %bx
	call read_sector
	movw $no_read, %bx
	jc fail
	movw $no_boot, %bx
	cmpw $MAGIC, LOADED + MAGIC_AT
	jne fail
	movb DRIVE, %dl
	ljmp $0, $LOADED

bad_table:
	movw $bad, %bx
fail:
	movw $name, %si
	call print
	movw %bx, %si
	call print
	movw $end, %si
	call print
	int $0x18
halt:
	hlt				# The BIOS knows nothing else to start.
	jmp halt

#include "disk.inc"
#include "console.inc"

name:		.asciz "mbr: "
no_active:	.asciz "no active slice"
bad:		.asciz "bad table"
no_read:	.asciz "read error"
no_boot:	.asciz "not bootable"
end:		.asciz "\r\n"
