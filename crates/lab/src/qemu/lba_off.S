/*
 * A boot floppy that makes QEMU's BIOS one without LBA, as the tinyBIOS of early ALIX boards is out of the box: INT 13h
 * functions 41h to 49h of hard disks fail as unknown. It then boots the first disk as the BIOS would.
 *
 * The handler stays in the last KiB below 640 KiB, which is taken from the memory that the BIOS tells of.
 */
	.set MEMORY_KIB, 0x413		# BIOS data area: KiB below 640.
	.set VECTOR, 0x13 * 4
	.set DISK, 0x80
	.set EDD_FIRST, 0x41
	.set EDD_LAST, 0x49

#include "relocate.inc"
	movl VECTOR, %eax
	movl %eax, bios
	decw MEMORY_KIB
	movw MEMORY_KIB, %ax
	shlw $6, %ax			# KiB to paragraphs.
	movw %ax, %es
	movw $handler, %si
	xorw %di, %di
	movw $(handler_end - handler), %cx
	rep movsb
	movw $0, VECTOR
	movw %ax, VECTOR + 2
	sti

	xorw %ax, %ax
	movw %ax, %es
	movw $LOADED, %bx
	movw $0x0201, %ax		# Cylinder 0, head 0, sector 1: the MBR.
	movw $1, %cx
	movw $DISK, %dx
	int $0x13
	jc halt
	movw $DISK, %dx
	ljmp $0, $LOADED
halt:
	hlt
	jmp halt

handler:
	cmpb $EDD_FIRST, %ah
	jb chain
	cmpb $EDD_LAST, %ah
	ja chain
	testb $DISK, %dl
	jz chain
	pushw %bp
	movw %sp, %bp
	orb $1, 6(%bp)			# The carry that `iret` restores.
	popw %bp
	movb $1, %ah			# Unknown function.
	iret
chain:
	.byte 0x2e, 0xff, 0x2e		# ljmp *%cs:(bios - handler)
	.word bios - handler
bios:	.long 0
handler_end:

	.org 510
	.word 0xaa55
