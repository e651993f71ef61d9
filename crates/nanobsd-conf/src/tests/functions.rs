//! Functions: their ends, names and conditions.

use super::desk::{Desk, notes, run};

#[test]
fn an_unterminated_function_is_closed_and_reported_with_its_lines() {
    let desk = Desk::new();
    let text = include_str!("../../../../xtask/tests/stories/convert/handbook.functions.conf");
    insta::assert_snapshot!(desk.notes(text), @r"
    Carried over, needs a look:
      lines 1-2: the function cust_foo is not closed: `)` is missing; it is read as ending with line 2
      lines 1-2: the last command of cust_foo is incomplete
      hint: complete it in the hook
      lines 5-7: the function cust_etc_size is not closed: `)` is missing; it is read as ending with line 7
    ");
    insta::assert_snapshot!(desk.made("hooks/customize.d/20-cust_etc_size"), @r"
    #!/bin/sh
    # `cust_etc_size` of gw.conf, lines 5-7.
    set -e

    cust_etc_size () (
    	cd ${NANO_WORLDDIR}/conf
    	echo 30000 > default/etc/md_size
    )

    cust_etc_size
    ");
}

#[test]
fn a_function_has_a_name_that_every_shell_accepts() {
    let desk = Desk::new();
    let text = "\
add_foo-bar () { helper.1; x=$(2nd); echo \"$x add_foo-bar\"; }
helper.1 () { echo helped; }
2nd() { echo second; }
add_foo_bar() { true; }
customize_cmd add_foo-bar
";
    insta::assert_snapshot!(desk.notes(text), @r"
    Not carried over:
      line 4: the function add_foo_bar: no registered function calls it
    Carried over, needs a look:
      line 1: the function add_foo-bar is named add_foo_bar_ in its hook: on other systems than FreeBSD, the name of a function has only letters, digits and `_`
      line 2: the function helper.1 is named helper_1 in its hook: on other systems than FreeBSD, the name of a function has only letters, digits and `_`
      line 3: the function 2nd is named _2nd in its hook: on other systems than FreeBSD, the name of a function has only letters, digits and `_`
    ");
    assert_eq!(run(&desk, "customize.d/10-add_foo-bar"), "helped\nsecond add_foo-bar\n");
}

#[test]
fn functions_under_a_condition_are_reported_with_it() {
    insta::assert_snapshot!(
        notes(
            "\
if [ -n \"$DEBUG\" ]; then
	cust_debug() { true; }
	customize_cmd cust_debug
else
	late_customize_cmd cust_release
fi
[ -d x ] && customize_cmd cust_x
cust_release() { true; }
cust_x() { true; }
customize_cmd cust_debug
set_up() { customize_cmd cust_x; }
set_up now
"
        ),
        @r#"
    Not carried over:
      lines 1-6: `if [ -n "$DEBUG" ]; then ...`: its effect depends on the machine that runs it; it may register functions
      line 2: the function cust_debug is defined only if `[ -n "$DEBUG" ]`
      line 3: `customize_cmd cust_debug` is run only if `[ -n "$DEBUG" ]`
      hint: if it applies, move it out of there and convert again
      line 5: `late_customize_cmd cust_release` is run only if not `[ -n "$DEBUG" ]`
      hint: if it applies, move it out of there and convert again
      line 7: `[ -d x ] && customize_cmd cust_x`: commands are not run; it may register functions
      line 7: `customize_cmd cust_x` is run only if `[ -d x ]`
      hint: if it applies, move it out of there and convert again
      line 8: the function cust_release: no registered function calls it
      line 9: the function cust_x: no registered function calls it
      line 10: `cust_debug`: the function is defined only if `[ -n "$DEBUG" ]` (line 2)
      hint: if it applies, move it out of there and convert again
      line 11: the function set_up: no registered function calls it
      line 12: `set_up now`: it calls the function set_up, and commands are not run; it may register functions
      line 12: `customize_cmd cust_x` is run only in `set_up now`
      hint: if it applies, move it out of there and convert again
    "#
    );
}

#[test]
fn functions_of_any_name_call_each_other() {
    let desk = Desk::new();
    let text = "\
a.b() { echo a.b; }
c:d() { echo \"c:d $1\"; }
e+f () { echo e+f | g@h; }
g@h () ( while read -r x; do i,j \"$x\"; done )
i,j() { case $1 in e+f) k%l && a.b || true ;; esac; }
k%l() { for f in a.b c:d; do $f loop; done; eval \"c:d\" eval; ! c:d not > /dev/null || true; }
m-n() { trap 'a.b' EXIT; if e+f; then :; fi; X=$(c:d sub) && echo \"$X\"; NAMES='o-p'; for n in $NAMES; do $n; done; }
o-p() { echo o-p; }
F=\"m-n\"
customize_cmd $F
";
    let notes = desk.notes(text);
    assert!(!notes.contains("Not carried over"), "{notes}");
    let hook = desk.made("hooks/customize.d/10-m-n");
    assert!(hook.contains("\no_p() {") && hook.contains("for f in a_b c_d; do"), "{hook}");
    assert!(notes.contains("line 1: the function a.b is named a_b in its hook"), "{notes}");
    // A name in the value of a variable is found, but not changed.
    let found = "line 7: `o-p`: the function of this name is named o_p in the hook\n";
    assert!(notes.contains(found), "{notes}");
    desk.write("repository/gw/hooks/customize.d/10-m-n", &hook.replace("NAMES='o-p'", "NAMES='o_p'"));
    assert_eq!(run(&desk, "customize.d/10-m-n"), "a.b\nc:d loop\nc:d eval\na.b\nc:d sub\no-p\na.b\n");
}
