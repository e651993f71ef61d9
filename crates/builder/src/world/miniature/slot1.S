/*
 * The first sector of the miniature world's slot, where FreeBSD's boot1 is.
 *
 * An MBR loads it at 0:0x7c00, with the drive in %dl and the slice's table entry in %si. It does what boot1 does, so that
 * what follows can be started by it or by a boot manager that does the same: it leaves the drive at 0x900 and the slice
 * number at 0x901, loads sectors 2 to 15 of the slice at 0x9000 and jumps to 0x9010 (stand/i386/boot2/boot1.S: MEM_ARG, MEM_BTX,
 * MEM_JMP).
 */
	.set BUFFER, LOADED
	.set DRIVE, 0x900
	.set SLICE, 0x901
	.set SECTOR, 512
	.set SECOND, 0x9000		# Where boot1 puts sector 2, and where boot2 is entered.
	.set ENTRY, 0x9010
	.set SECOND_SECTORS, 14
	.set TABLE, BUFFER + 446
	.set TABLE_END, BUFFER + 510
	.set ENTRY_BYTES, 16
	.set ENTRY_KIND, 4
	.set ENTRY_START, 8
	.set ACTIVE, 0x80
	.set KIND_FREEBSD, 0xa5

#include "relocate.inc"
	movb %dl, DRIVE
	call console_open

/* The slice that the caller says it has started, by its first sector: its number is looked up in the table on the disk. */
	xorl %ebp, %ebp
	testw %bx, %bx
	jle no_entry			# Nothing, or no place that holds a table.
	movl ENTRY_START(%bx), %ebp
no_entry:
	xorl %eax, %eax
	movw $BUFFER, %bx
	call read_sector
	jc no_read
	movb $1, %cl
	movw $TABLE, %si
same_start:
	cmpb $KIND_FREEBSD, ENTRY_KIND(%si)
	jne not_same
	cmpl %ebp, ENTRY_START(%si)
	je found
not_same:
	incw %cx
	addw $ENTRY_BYTES, %si
	cmpw $TABLE_END, %si
	jb same_start

/* A caller that gives no entry gets what boot1 would take. */
	call boot1_choice
	jc no_slice
found:
	movb %cl, SLICE

/*
 * FreeBSD's boot1 does not heed the entry in %si and goes by the active flag alone. Where the two differ a real slot would
 * not have been started from here, which is worth a line.
 */
	movl ENTRY_START(%si), %ebp
	call boot1_choice
	cmpb %cl, SLICE
	je load
	movw $differs, %si
	call print
	xchgw %ax, %cx			# A byte less than moving: the sector is full.
	addb $'0', %al
	call put_char
	movw $differs_end, %si
	call print

load:
	leal 2(%ebp), %eax
	movw $SECOND, %bx
load_next:
	call read_sector
	jc no_read
	incl %eax
	addw $SECTOR, %bx
	cmpw $SECOND + SECOND_SECTORS * SECTOR, %bx
	jb load_next
	ljmp $0, $ENTRY

/*
 * What boot1 takes from the table at BUFFER: the first active FreeBSD slice, or the first one at all when none is active.
 * Its number goes to %cl and its entry to %si; carry is set when there is none.
 */
boot1_choice:
	movb $ACTIVE, %al		# The flag that an entry has to have; none in the second pass.
choice_pass:
	movb $1, %cl
	movw $TABLE, %si
choice_next:
	cmpb $KIND_FREEBSD, ENTRY_KIND(%si)
	jne choice_not
	movb (%si), %ah
	andb %al, %ah
	cmpb %al, %ah
	je choice_end
choice_not:
	incw %cx
	addw $ENTRY_BYTES, %si
	cmpw $TABLE_END, %si
	jb choice_next
	subb $ACTIVE, %al		# Carries at the end of the second pass.
	jnc choice_pass
choice_end:
	ret

no_slice:
	movw $text_no_slice, %bx
	jmp fail
no_read:
	movw $text_no_read, %bx

/* Tells why, and leaves it to the BIOS to start something else. */
fail:
	movw $prefix, %si
	call print
	movw %bx, %si
	call print
	movw $line_end, %si
	call print
	int $0x18
halt:
	sti
	hlt
	jmp halt

prefix:		.asciz "slot: "
text_no_slice:	.asciz "no slice"
text_no_read:	.asciz "read error"
differs:	.asciz "(boot1: slice "
differs_end:	.ascii ")"
line_end:	.asciz "\r\n"

#include "disk.inc"
#include "console.inc"

	.org 510
	.word 0xaa55
