/*
 * The boot manager: chooses a slot by the boot state and the keys pressed, and boots it as FreeBSD's boot1 does.
 *
 * The MBR loads it at MANAGER_ORIGIN and enters it after its header, with the drive number in %dl. The only sector it may write
 * is a copy of the boot state that is not the current one, and only to take a try from a trial, to count a start of the
 * default slot, or to let that slot give way to the other. It never writes the MBR and needs no active slice.
 * Whatever fails, it continues: with the other copy, with the other slot, or finally with a reboot.
 *
 * The model of its decisions is firmware/src/state/choice.rs; a test boots it through all of them.
 *
 * Memory: the program from 0x2000 to at most 0x4000, then its buffers, and the stack below 0x7c00. 0x700 to 0x901, 0x8c00 to
 * 0xae00 and the page at 0xc000 belong to boot2.
 *
 * The builder defines these constants, taken from the firmware crate: CONSOLE_DIVISOR, MANAGER_MAGIC_LOW, MANAGER_MAGIC_HIGH,
 * MANAGER_ENTRY, MENU_TICKS, MENU_SECONDS (a text), SLOT_HEADER_SECTOR, SLOT_MAGIC_LOW, SLOT_MAGIC_HIGH, SLOT_VERSION,
 * SLOT_WATCHDOG, RECORD_CRC (the same in slot header and boot state), and for the boot state STATE_FIRST, STATE_SECOND, STATE_THIRD (sectors
 * of the disk), STATE_MAGIC_LOW, STATE_MAGIC_HIGH, STATE_FORMAT, STATE_FORMAT_VALUE, STATE_LENGTH, STATE_SEQUENCE,
 * STATE_DEFAULT, STATE_TRIAL, STATE_TRIES, STATE_STARTS, STATE_MARKS, STATE_LIMIT, STATE_FALLBACK, and the codes of marks
 * MARK_BAD, MARK_UNTRIED, MARK_GOOD, MARK_NEVER_HEALTHY, the last of them. The slots that may be started have the marks from
 * MARK_UNTRIED to MARK_GOOD.
 */
	.set SECTOR, 512
	.set STACK, 0x7c00

/* Buffers of one sector each. */
	.set MBR, 0x4000
	.set STATES, 0x4200		# One for each copy.
	.set READ_BACK, 0x4800
	.set HEADER, 0x4a00

	.set STATE_COPIES, 3

	.set TABLE, MBR + 446
	.set ENTRY_BYTES, 16
	.set ENTRY_KIND, 4
	.set ENTRY_START, 8
	.set ENTRY_SIZE, 12
	.set KIND_FREEBSD, 0xa5

/* What boot1 and boot2 agree on (stand/i386/boot2/boot1.S). */
	.set BOOT1_COPY, 0x700		# MEM_REL: boot2 calls the xread in it.
	.set BOOT_DRIVE, 0x900		# MEM_ARG
	.set BOOT_SLICE, 0x901
	.set BOOT_AREA, 0x8c00		# MEM_BUF
	.set BOOT_AREA_SECTORS, 16	# NSECT
	.set BTX, 0x9000		# MEM_BTX: sector 2 of the boot area.
	.set BTX_LENGTH, BTX + 10
	.set BTX_ENTRY, 0x9010		# MEM_JMP
	.set BTX_CLIENT, 0xc000		# MEM_USR and two pages.
	.set BTX_CLIENT_END, BTX + 15 * SECTOR
	.set BTX_LENGTH_MAX, 14 * SECTOR
	.set BOOT_MAGIC, 0xaa55
	.set BOOT_MAGIC_AT, BOOT_AREA + 510

/* The BIOS data area. */
	.set TICKS, 0x46c		# Low word of the clock, 18.2 ticks per second.
	.set RESET_FLAG, 0x472
	.set RESET_WARM, 0x1234

	.set COM1_DATA, 0x3f8
	.set LSR_RECEIVED, 0x01
	.set LSR_SPOILT, 0x1c		# Parity, framing, break.

	.set KEY_ENTER, 0x0d
	.set KEY_ESC, 0x1b
	.set SCAN_F1, 0x3b
	.set SCAN_F2, 0x3c
	.set RESTART_TICKS, 182		# 10 s
	.set SEQUENCE_TICKS, 4		# The bytes of one key arrive faster than this.
	.set QUIET_TICKS, 27		# 1.5 s: a choice counts if nothing follows it for this long.

/* A choice: the number of a slot, or 0 for none, and these bits. */
	.set CHOICE_SLOT, 0x03
	.set CHOICE_PROMPT, 0x04	# The loader shall stop at its prompt.
	.set CHOICE_MADE, 0x80

/* What a character means besides the digits, `p` and KEY_ENTER. */
	.set KEY_NONE, 0		# It is part of a sequence.
	.set KEY_F1, 0x81
	.set KEY_F2, 0x82
	.set KEY_NOISE, 0xff

	.code16
	.globl start
start:
	.long MANAGER_MAGIC_LOW, MANAGER_MAGIC_HIGH
	.long 0, 0			# Length and checksum, filled in by the builder.
	.org MANAGER_ENTRY
	cli
	xorw %ax, %ax
	movw %ax, %ss
	movw $STACK, %sp
	sti
	movw %ax, %ds
	movw %ax, %es
	cld
	movb %dl, DRIVE
	movb $0, key
	call console_open
	movw $text_title, %si
	call print

/* Everything is read again if a key asks for another try: the disk may have recovered, or a trial may have lost its try. */
again:
	movb $0, tried
	movw $0, ruling
	xorl %eax, %eax
	movw $MBR, %bx
	call read_sector
	movw $text_no_disk, %si
	jc none_left_tell
	call read_state
	call show_slots
	cmpb $0, key
	jne decide
	movw $text_choose, %si
	call print
	movw $MENU_TICKS, %cx
	call wait_key
	movb %al, key
	movw $text_line_end, %si
	call print

/* The order includes every slot; no slot is tried twice. */
decide:
	andb $CHOICE_SLOT, key
	movw ruling, %bx
	testw %bx, %bx
	jz decide_without_state

	movb key, %cl
	testb %cl, %cl
	jz no_key
	call is_startable
	jbe no_key
	movw $text_not_offered, %si
	call tell_slot
	movb $0, key
no_key:
	call pending
	movb key, %cl
	testb %cl, %cl
	jnz wanted
	movb %al, %cl			# Without a key press, a trial comes first.
	testb %cl, %cl
	jz no_wish
wanted:
	cmpb %al, %cl
	jne not_trial
	movw $take_try, %ax
	call pay
	movw $text_not_paid, %si
	jc not_started
	call start_slot
	jmp usual
not_started:
	call tell_slot
	jmp usual
not_trial:
	cmpb STATE_DEFAULT(%bx), %cl
	jne wanted_other
	call count_start
wanted_other:
	call start_slot
	jmp usual

/* No key, no trial: the default slot, unless it has used up its starts and may give way to a good slot. */
no_wish:
	movb STATE_DEFAULT(%bx), %cl
	xorb $3, %cl			# The other of 1 and 2.
	call is_good
	jne count_default		# Then the default comes first, whatever its mark is.
	movb STATE_LIMIT(%bx), %al
	testb %al, %al
	jz stay
	cmpb %al, STATE_STARTS(%bx)
	jb stay
	cmpb $1, STATE_FALLBACK(%bx)
	jne stay
	xorb $3, %cl
	movw $text_gives_way, %si
	call tell_slot
	xorb $3, %cl
	movw $give_way, %ax
	call pay			# It starts even if that cannot be written.
	call start_slot
	jmp usual
stay:
	xorb $3, %cl
	call is_good
	jne usual			# Then the other comes first.
count_default:
	call count_start

/* The default slot, then the other; good slots before those that are not. */
usual:
	movw ruling, %bx
	movb $1, %dh			# Whether to look for good slots.
usual_pass:
	movb STATE_DEFAULT(%bx), %cl
	call usual_slot
	xorb $3, %cl			# The other of 1 and 2.
	call usual_slot
	decb %dh
	jz usual_pass
	jmp none_left

usual_slot:
	call is_good
	sete %al
	cmpb %al, %dh
	jne usual_end
	testb %dh, %dh
	jnz usual_start
	call is_tried
	jnz usual_end
	movw $text_last_resort, %si
	call tell_slot
usual_start:
	call start_slot
usual_end:
	ret

decide_without_state:
	movw $text_no_state, %si
	call print
	movb key, %cl
	testb %cl, %cl
	jz first_slot
	call start_slot
first_slot:
	movb $1, %cl
	call start_slot
	movb $2, %cl
	call start_slot

none_left:
	movw $text_none_left, %si
none_left_tell:
	call print
	movw $text_restart, %si
	call print
	movw $RESTART_TICKS, %cx
	call wait_key
	movb %al, key
	movw $text_line_end, %si
	call print
	cmpb $0, key
	jne again
	call console_drain
	movw $RESET_WARM, RESET_FLAG
	ljmp $0xffff, $0

/* Returns the slot with a pending trial in %al, 0 if there is none. The state is at %bx. Clobbers %cl. */
pending:
	cmpb $0, STATE_TRIES(%bx)
	je pending_none
	movb STATE_TRIAL(%bx), %cl
	testb %cl, %cl
	jz pending_none
	call is_startable
	ja pending_none
	movb %cl, %al
	ret
pending_none:
	xorb %al, %al
	ret

/* Clears carry and the zero flag (`ja`) if slot %cl is bad or has failed. The state is at %bx. Clobbers %al. */
is_startable:
	movb %cl, %al
	call mark
	subb $MARK_UNTRIED, %al
	cmpb $MARK_GOOD - MARK_UNTRIED, %al
	ret

/* Sets the zero flag if slot %cl is marked good. The state is at %bx. Clobbers %al. */
is_good:
	movb %cl, %al
	call mark
	cmpb $MARK_GOOD, %al
	ret

/* Returns the mark of slot %al in %al. The state is at %bx. */
mark:
	pushw %si
	movzbw %al, %si
	movb STATE_MARKS - 1(%bx, %si), %al
	popw %si
	ret

/* What is changed in the copy at %bx that becomes the state. */
take_try:
	decb STATE_TRIES(%bx)
	ret
add_start:
	incb STATE_STARTS(%bx)
	ret
give_way:
	movzbw STATE_DEFAULT(%bx), %si
	movb $MARK_NEVER_HEALTHY, STATE_MARKS - 1(%bx, %si)
	xorb $3, STATE_DEFAULT(%bx)
	movb $0, STATE_STARTS(%bx)
	movb $0, STATE_FALLBACK(%bx)
	ret

/* Counts a start of the default slot, up to the limit. It starts even if that cannot be written. Keeps %cx, and %bx as `pay`. */
count_start:
	movb STATE_STARTS(%bx), %al
	cmpb STATE_LIMIT(%bx), %al
	jae count_end
	movw $add_start, %ax
	call pay
count_end:
	ret

/*
 * Changes the current state with the function at %ax: the changed state is written to the copy after the current one, or if that
 * fails to the next, and must read back unchanged. Sets carry if both fail; the current state then stays in effect. Returns the
 * current state in %bx, keeps %cx.
 */
pay:
	movw %ax, change
	pushw %cx
	movw ruling, %di
	call pay_next
	jnc pay_end
	call pay_next
pay_end:
	popw %cx
	movw ruling, %bx
	ret

/* Writes the changed state to the copy after the one at %di, which it returns in %di. Sets carry if that fails. */
pay_next:
	addw $SECTOR, %di
	cmpw $STATES + STATE_COPIES * SECTOR, %di
	jb pay_copy
	movw $STATES, %di
pay_copy:
	movw %di, %si
	subw $STATES, %si
	shrw $7, %si			# Four bytes for each copy.
	movl state_sectors(%si), %ebp
	shrw $2, %si
	btw %si, is_future
	jc pay_back			# A record of a later format is never overwritten.
	movw ruling, %si
	movw %di, %bx
	movw $SECTOR / 2, %cx
	rep movsw
	incl STATE_SEQUENCE(%bx)
	call *change
	movl $0, RECORD_CRC(%bx)
	movw %bx, %si
	call crc32
	movl %eax, RECORD_CRC(%bx)
	movl %ebp, %eax
	movw %bx, %di
	call write_sector
	jc pay_back
	movw $READ_BACK, %bx
	call read_sector
	jc pay_back
	movw %di, %dx
	movw %bx, %si
	movw $SECTOR / 2, %cx
	repe cmpsw
	movw %dx, %di
	stc
	jne pay_back
	movw %di, ruling
	clc
pay_back:
	ret

/* Reads all copies of the boot state, prints their defects, and makes the latest intact one current. */
read_state:
	movw $0, is_future
	xorw %di, %di
	movw $STATES, %bx
read_next:
	movw %di, %si
	shlw $2, %si
	movl state_sectors(%si), %eax
	call read_copy
	jc read_other
	movw ruling, %si
	testw %si, %si
	jz read_latest
	movl STATE_SEQUENCE(%bx), %eax
	subl STATE_SEQUENCE(%si), %eax
	jz read_other
	js read_other			# The number may have wrapped, so the sign of the difference decides.
read_latest:
	movw %bx, ruling
read_other:
	addw $SECTOR, %bx
	incw %di
	cmpw $STATE_COPIES, %di
	jb read_next
	ret

/* Reads copy %di, from 0, at sector %eax to %bx. Prints its defect and sets carry if it is not intact. Keeps %bx and %di. */
read_copy:
	movw $text_unreadable, %si
	call read_sector
	jc copy_bad
	movw $text_damaged, %si
	cmpl $STATE_MAGIC_LOW, (%bx)
	jne copy_bad
	cmpl $STATE_MAGIC_HIGH, 4(%bx)
	jne copy_bad
	call check_record
	jne copy_bad
	cmpw $STATE_FORMAT_VALUE, STATE_FORMAT(%bx)
	jne copy_future
	cmpw $SECTOR, STATE_LENGTH(%bx)
	jne copy_future
	movb STATE_DEFAULT(%bx), %al
	decb %al
	cmpb $2, %al
	jae copy_bad
	cmpb $2, STATE_TRIAL(%bx)
	ja copy_bad
	cmpb $MARK_NEVER_HEALTHY, STATE_MARKS(%bx)
	ja copy_bad
	cmpb $MARK_NEVER_HEALTHY, STATE_MARKS + 1(%bx)
	ja copy_bad
	clc
	ret
copy_future:
	btsw %di, is_future
	movw $text_format, %si
copy_bad:
	pushw %si
	movw $text_copy, %si
	call print
	movw %di, %ax
	addb $'1', %al
	call put_char
	popw %si
	call print
	stc
	ret

/* Sets the zero flag if the checksum of the record at %bx is right. Clobbers %eax; keeps the registers that messages need. */
check_record:
	pushw %cx
	pushw %si
	pushl %edx
	xorl %edx, %edx
	xchgl %edx, RECORD_CRC(%bx)	# The checksum's own field counts as zero.
	movw %bx, %si
	call crc32
	movl %edx, RECORD_CRC(%bx)
	cmpl %edx, %eax
	popl %edx
	popw %si
	popw %cx
	ret

/* Sets the zero flag if the table entry at %di is a FreeBSD slice. */
is_slice:
	cmpb $KIND_FREEBSD, ENTRY_KIND(%di)
	jne is_slice_end
	cmpl $1, ENTRY_SIZE(%di)
	sbbb %al, %al			# 0, with the zero flag, if the size is not 0.
is_slice_end:
	ret

/* Returns the address of the entry of slot %cl in %di. */
slot_entry:
	movzbw %cl, %di
	shlw $4, %di
	addw $TABLE - ENTRY_BYTES, %di
	ret

/* Prints the menu: one line per slot. */
show_slots:
	movb $1, %cl
	call show_slot
	movb $2, %cl
show_slot:
	movb $' ', %al
	call put_char
	movb %cl, %al
	addb $'0', %al
	call put_char
	call gap
	call slot_entry
	call is_slice
	movw $text_no_slot, %si
	jne show_end
	call show_version
	movw ruling, %bx
	testw %bx, %bx
	movw $text_line_end, %si
	jz show_end
	call gap
	call show_mark
	cmpb %cl, STATE_DEFAULT(%bx)
	movw $text_line_end, %si
	jne show_end
	movw $text_default, %si
show_end:
	jmp print

gap:
	movw $text_gap, %si
	jmp print

/* Prints the version in the header of the slot whose entry is at %di. The checksum guarantees that the text is terminated. */
show_version:
	call read_header
	movw $text_no_version, %si
	jc show_end
	movw $HEADER + SLOT_VERSION, %si
	jmp print

/* Reads the header of the slot whose entry is at %di. Sets carry if it is not intact. Clobbers %eax and %bx. */
read_header:
	movl ENTRY_START(%di), %eax
	addl $SLOT_HEADER_SECTOR, %eax
	movw $HEADER, %bx
	call read_sector
	jc header_end
	cmpl $SLOT_MAGIC_LOW, HEADER
	jne header_bad
	cmpl $SLOT_MAGIC_HIGH, HEADER + 4
	jne header_bad
	call check_record
	je header_end			# Carry is clear.
header_bad:
	stc
header_end:
	ret

/* Prints what the state at %bx says about slot %cl. */
show_mark:
	movb %cl, %al
	call mark
	movw $text_bad, %si
	cmpb $MARK_UNTRIED, %al
	jb show_end
	movw $text_failed, %si
	cmpb $MARK_GOOD, %al
	ja show_end
	cmpb %cl, STATE_TRIAL(%bx)
	je show_trial
	movw $text_good, %si
	cmpb $MARK_GOOD, %al
	je show_end
	movw $text_untried, %si
	jmp show_end
show_trial:
	cmpb $0, STATE_TRIES(%bx)
	movw $text_failed_trial, %si
	je show_end
	movw $text_trial, %si
	call print
	movzbw STATE_TRIES(%bx), %ax
	call put_number
	movw $text_left, %si
	jmp print

/* Sends %ax as a decimal number. Clobbers %ax. */
put_number:
	pushw %bx
	pushw %dx
	xorw %dx, %dx
	movw $10, %bx
	divw %bx
	testw %ax, %ax
	jz put_digit
	call put_number
put_digit:
	movb %dl, %al
	addb $'0', %al
	popw %dx
	popw %bx
	jmp put_char

/* Prints `slot`, the number %cl and the text at %si. Keeps %cx. */
tell_slot:
	pushw %si
	movw $text_slot, %si
	call print
	movb %cl, %al
	addb $'0', %al
	call put_char
	popw %si
	jmp print

/* Clears the zero flag if slot %cl was already tried. Returns the bit of the slot, which is its number, in %al. */
is_tried:
	movb %cl, %al
	testb %al, tried
	ret

/*
 * Boots slot %cl as boot1 does. If it cannot be booted, prints why and returns; also returns if it was already tried. Keeps %bx,
 * %cx and %dh.
 */
start_slot:
	call is_tried
	jnz start_back
	orb %al, tried
	pushw %bx
	pushw %cx
	pushw %dx
	call slot_entry
	call is_slice
	jne not_bootable
	movl ENTRY_START(%di), %eax
	movw $BOOT_AREA, %bx
	pushw %cx
	movw $BOOT_AREA_SECTORS, %cx
start_next:
	call read_sector
	jc start_loaded
	incl %eax
	addw $SECTOR, %bx
	loop start_next
	clc
start_loaded:
	popw %cx
	movw $text_read_error, %si
	jc start_failed
	cmpw $BOOT_MAGIC, BOOT_MAGIC_AT
	jne not_bootable
	movw BTX_LENGTH, %ax
	decw %ax
	cmpw $BTX_LENGTH_MAX, %ax	# With zero or too much, something other than boot2 would be moved.
	jb hand_over
not_bootable:
	movw $text_not_bootable, %si
start_failed:
	call tell_slot
	popw %dx
	popw %cx
	popw %bx
start_back:
	ret

hand_over:
	pushw %cx
	testb $CHOICE_PROMPT, prompt
	jnz hand_over_prompt
	call guard
	jmp hand_over_start
hand_over_prompt:
	call want_prompt		# Without the watchdog: an engineer at the prompt takes time.
hand_over_start:
	popw %cx
	movw $text_starting, %si
	call tell_slot
	call console_drain_slot		# The slot's boot program may reprogram the port.
	movb DRIVE, %dl
	movb %cl, %dh
	movw $BOOT_AREA, %si
	movw $BOOT1_COPY, %di
	movw $SECTOR / 2, %cx
	rep movsw
	movw %dx, BOOT_DRIVE
	movw $BOOT_AREA + BOOT_AREA_SECTORS * SECTOR, %di
	movw $SECTOR / 2, %cx
	xorw %ax, %ax			# boot1 moves one sector more than it has read.
	rep stosw
	movw BTX_LENGTH, %si
	addw $BTX, %si
	movw $BTX_CLIENT, %di
	movw $BTX_CLIENT_END, %cx
	subw %si, %cx
	rep movsb

/* Enables A20, with boot1's timeout for hardware without a keyboard controller. */
	cli
a20_command:
	decw %cx
	jz a20_end
	inb $0x64, %al
	testb $0x02, %al
	jnz a20_command
	movb $0xd1, %al			# Write the output port.
	outb %al, $0x64
a20_value:
	decw %cx
	jz a20_end
	inb $0x64, %al
	testb $0x02, %al
	jnz a20_value
	movb $0xdf, %al			# A20 on.
	outb %al, $0x60
a20_end:
	movw $STACK, %sp
	sti
	ljmp $0, $BTX_ENTRY

/* Arms the watchdog for as long as the header of slot %cl says, if at all. Clobbers all registers except %sp. */
guard:
	call slot_entry
	call read_header
	jc guard_end
	movw HEADER + SLOT_WATCHDOG, %ax
	testw %ax, %ax
	jz guard_end
	call watchdog_arm
	jc guard_end
	pushw %ax
	movw $text_watchdog, %si
	call print
	popw %ax
	call put_number
	movw $text_seconds, %si
	jmp print
guard_end:
	ret

/*
 * Makes boot2 read its options from /boot/prompt instead of /boot/config, if there is such a file: there they tell the loader to
 * stop at its prompt. Nothing else in boot2 has that name. Clobbers %cx, %si and %di.
 */
	.set CONFIG_BYTES, 12
	.set CONFIG_DIRECTORY, 6	# `/boot/`
want_prompt:
	movw $BOOT_AREA, %di
	movw $BOOT_AREA_SECTORS * SECTOR - CONFIG_BYTES, %cx
want_next:
	movw $text_config, %si
	pushw %cx
	pushw %di
	movw $CONFIG_BYTES, %cx
	repe cmpsb
	popw %di
	popw %cx
	je want_found
	incw %di
	loop want_next
	ret
want_found:
	movw $text_prompt, %si
	addw $CONFIG_DIRECTORY, %di
	movw $CONFIG_BYTES - CONFIG_DIRECTORY, %cx
	rep movsb
	ret

console_drain_slot:
	pushw %cx
	call console_drain
	popw %cx
	ret

/*
 * Waits %cx ticks for a choice and returns it in %al: 0 if none was made in time, else CHOICE_MADE and what was chosen.
 *
 * A serial line in a cupboard is noisy, and nobody is there. So a choice is a line that consists of a digit, of `p` for the
 * loader's prompt, of both, or of nothing, and ends with Enter; or F1 or F2. It counts only if the line was quiet before it, as it
 * is at first, and stays quiet for QUIET_TICKS after it. Any other character, and any error of the line, spoils what was typed
 * until the line was quiet for as long. A stream of characters, whichever they are, chooses nothing. It prolongs the waiting by at
 * most QUIET_TICKS.
 *
 * The clock is only watched for changes, because it wraps at midnight. If it stands still, a fixed number of polls of the slow
 * ports counts as a tick. Each iteration takes at most one character, so line noise cannot prevent the clock from being read.
 */
wait_key:
	sti				# Some BIOS calls return with interrupts disabled.
	xorw %ax, %ax
	movb %al, sequence
	movb %al, line
	movb %al, candidate
	movb %al, quiet
	movb %al, prompt
	movw TICKS, %bp
	xorw %di, %di
wait_next:
	call received
	jnc wait_keyboard
	call take_key
wait_keyboard:
	call typed
	jnc wait_clock
	call take_key
wait_clock:
	movw TICKS, %ax
	cmpw %bp, %ax
	jne wait_tick
	incw %di
	jnz wait_next
wait_tick:
	movw %ax, %bp
	xorw %di, %di
	incb sequence_age
	cmpb $SEQUENCE_TICKS, sequence_age
	jne wait_sequence
	cmpb $0, sequence
	je wait_sequence
	movb $0, sequence		# A lone ESC, or an incomplete sequence.
	movb $KEY_NOISE, %al
	call take_key
wait_sequence:
	cmpb $0, quiet
	je wait_same
	decb quiet
	jnz wait_same
	movb candidate, %al
	testb %al, %al
	jnz wait_end
wait_same:
	jcxz wait_over
	loop wait_next
wait_over:
	movb candidate, %al		# It may still become a choice.
	testb %al, %al
	jnz wait_next
	ret
wait_end:
	movb %al, prompt
	ret

/* Takes the key %al, which may make, end or spoil a choice. Clobbers %al. */
take_key:
	movb $0, candidate		# The line was not quiet after it.
	cmpb $KEY_NONE, %al
	je take_end
	cmpb $0, quiet
	jne take_noise			# Nor was it before this one.
	cmpb $KEY_ENTER, %al
	je take_enter
	cmpb $'p', %al
	je take_prompt
	testb $0x80, %al
	jns take_digit
	cmpb $KEY_NOISE, %al
	je take_noise
	cmpb $0, line			# F1 or F2.
	jne take_noise
	movb %al, line
take_enter:
	movb line, %al
	orb $CHOICE_MADE, %al
	movb %al, candidate
take_noise:
	movb $0, line
	movb $QUIET_TICKS, quiet
	ret
take_prompt:
	movb $CHOICE_PROMPT, %al
	testb %al, line
	jnz take_noise
	orb %al, line
	ret
take_digit:
	testb $CHOICE_SLOT, line
	jnz take_noise
	subb $'0', %al
	orb %al, line
take_end:
	ret

/* Sets carry and returns the key in %al if the serial port has received a character. */
received:
	movw $COM1_LSR, %dx
	inb %dx, %al
	testb $LSR_RECEIVED, %al
	jz received_end			# Carry is clear.
	movb %al, %ah
	movw $COM1_DATA, %dx
	inb %dx, %al
	testb $LSR_SPOILT, %ah
	jnz received_noise
	call parse
	stc
	ret
received_noise:
	movb $KEY_NOISE, %al
	stc
received_end:
	ret

/*
 * Sets carry and returns the key in %al if the BIOS keyboard has one. A BIOS that redirects its console takes characters from the
 * serial port before we see them, so characters from the keyboard are parsed like those from the port.
 */
typed:
	pushal
	movb $0x01, %ah
	int $0x16
	jz typed_none
	xorb %ah, %ah
	int $0x16
	movw %ax, typed_key
	popal
	movw typed_key, %ax
	testb %al, %al
	jnz typed_character
	movb %ah, %al
	subb $SCAN_F1, %al		# 0 for F1, 1 for F2.
	cmpb $2, %al
	jae typed_nothing
	addb $KEY_F1, %al
	stc
	ret
typed_character:
	call parse
	stc
	ret
typed_nothing:
	movb $KEY_NOISE, %al
	stc
	ret
typed_none:
	popal
	clc
	ret

/*
 * Takes the character %al and returns its meaning in %al. F1 and F2 are ESC O P and ESC O Q, or ESC [ 1 1 ~ and ESC [ 1 2 ~. Other
 * sequences are skipped completely, because their digits would choose a slot, and count as noise.
 */
	.set SEQUENCE_ESC, 1
	.set SEQUENCE_O, 2		# ESC O
	.set SEQUENCE_CSI, 3		# ESC [
	.set SEQUENCE_CSI_1, 4		# ESC [ 1
	.set SEQUENCE_CSI_11, 5		# ESC [ 1 1; the next number is for 12
	.set SEQUENCE_CSI_12, 6
	.set SEQUENCE_OTHER, 7		# Any other, up to its last character, @ to ~.
parse:
	movb $0, sequence_age
	movb sequence, %ah
	movb $0, sequence
	cmpb $KEY_ESC, %al
	je parse_esc
	cmpb $' ', %al
	jb parse_plain			# No sequence contains Enter.
	cmpb $SEQUENCE_CSI, %ah
	jae parse_csi
	cmpb $SEQUENCE_O, %ah
	je parse_o
	cmpb $SEQUENCE_ESC, %ah
	jne parse_plain
	movb $SEQUENCE_O, %ah
	cmpb $'O', %al
	je parse_more
	movb $SEQUENCE_CSI, %ah
	cmpb $'[', %al
	je parse_more
	jmp parse_noise
parse_plain:
	testb %ah, %ah
	jnz parse_noise			# It cuts off a sequence.
	cmpb $'1', %al
	je parse_end
	cmpb $'2', %al
	je parse_end
	cmpb $KEY_ENTER, %al
	je parse_end
	orb $0x20, %al			# Lower case.
	cmpb $'p', %al
	je parse_end
parse_noise:
	movb $KEY_NOISE, %al
parse_end:
	ret
parse_o:
	addb $KEY_F1 - 'P', %al
	cmpb $KEY_F1, %al
	je parse_end
	cmpb $KEY_F2, %al
	je parse_end
	jmp parse_noise
parse_csi:
	cmpb $'~', %al
	je parse_tilde
	cmpb $'@', %al
	jae parse_csi_end
	cmpb $SEQUENCE_CSI, %ah
	jne parse_csi_second
	movb $SEQUENCE_CSI_1, %ah
	cmpb $'1', %al
	je parse_more
	jmp parse_other
parse_csi_second:
	cmpb $SEQUENCE_CSI_1, %ah
	jne parse_other
	subb $'1' - SEQUENCE_CSI_11, %al
	movb %al, %ah
	cmpb $SEQUENCE_CSI_11, %al
	je parse_more
	cmpb $SEQUENCE_CSI_12, %al
	je parse_more
parse_other:
	movb $SEQUENCE_OTHER, %ah
	jmp parse_more
parse_csi_end:
	cmpb $SEQUENCE_CSI, %ah		# ESC [ [ begins the function keys of one more terminal.
	jne parse_noise
	cmpb $'[', %al
	jne parse_noise
	jmp parse_other
parse_tilde:
	movb %ah, %al
	addb $KEY_F1 - SEQUENCE_CSI_11, %al
	cmpb $SEQUENCE_CSI_11, %ah
	je parse_end
	cmpb $SEQUENCE_CSI_12, %ah
	je parse_end
	jmp parse_noise
parse_esc:
	movb $SEQUENCE_ESC, %ah
parse_more:
	movb %ah, sequence
	movb $KEY_NONE, %al
	ret

#define DISK_WRITES
#include "disk.inc"
#include "console.inc"
#include "crc32.inc"
#include "watchdog.inc"

state_sectors:	.long STATE_FIRST, STATE_SECOND, STATE_THIRD
is_future:	.word 0			# Bits of the copies of a later format.
change:		.word 0			# The function that changes the state.
ruling:		.word 0			# The current copy of the state, 0 if there is none.
typed_key:	.word 0
DRIVE:		.byte 0
key:		.byte 0			# The choice; then the slot chosen, or 0.
prompt:		.byte 0			# The choice again, for its CHOICE_PROMPT.
line:		.byte 0			# What was typed so far.
candidate:	.byte 0			# The choice, if the line stays quiet.
quiet:		.byte 0			# Ticks for which the line must stay quiet.
tried:		.byte 0			# Bits of the slots already tried.
sequence:	.byte 0
sequence_age:	.byte 0			# Ticks since the last character of the sequence.

text_config:	.ascii "/boot/config"
text_prompt:	.ascii "prompt"
text_title:	.asciz "\r\nSluice boot manager\r\n"
text_choose:	.ascii "1, 2 or p (loader prompt) and Enter to choose, "
		.ascii MENU_SECONDS
		.asciz " s: "
text_line_end:	.asciz "\r\n"
text_gap:	.asciz "  "
text_no_slot:	.asciz "no slot\r\n"
text_no_version: .asciz "no version"
text_good:	.asciz "good"
text_bad:	.asciz "bad"
text_untried:	.asciz "untried"
text_failed:	.asciz "failed"
text_trial:	.asciz "trial, "
text_left:	.asciz " left"
text_failed_trial: .asciz "failed trial"
text_default:	.asciz ", default\r\n"
text_no_disk:	.asciz "disk: read error\r\n"
text_copy:	.asciz "boot state: copy "
text_unreadable: .asciz " unreadable\r\n"
text_damaged:	.asciz " damaged\r\n"
text_format:	.asciz " has a format of the future\r\n"
text_no_state:	.asciz "boot state: none, slot 1 comes first\r\n"
text_slot:	.asciz "slot "
text_not_paid:	.asciz ": trial not started, for the boot state cannot be written\r\n"
text_not_offered: .asciz ": cannot be chosen, it is bad or has failed\r\n"
text_gives_way:	.asciz ": never reported health, gives way\r\n"
text_last_resort: .asciz ": not marked good, started as a last resort\r\n"
text_not_bootable: .asciz ": not bootable\r\n"
text_read_error: .asciz ": read error\r\n"
text_starting:	.asciz ": starting\r\n"
text_watchdog:	.asciz "watchdog: "
text_seconds:	.asciz " s\r\n"
text_none_left:	.asciz "no slot can be started\r\n"
text_restart:	.asciz "1 or 2 and Enter tries again, restart in 10 s"
