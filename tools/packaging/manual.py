#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a program's man page and its bash completion from its own --help, so that neither can go stale.

Usage: manual.py PROGRAM --version 1.2.3 --codes docs/exit-codes.md --others gfscc,gfsrun --man NAME.1 --bash NAME
"""
import argparse
import datetime
import os
import pathlib
import re
import sys

from program_help import HelpError, help_of


def roff(text):
    """Text as roff source: no character of it is taken for a request."""
    text = text.replace("\\", "\\(rs").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    text = "".join(c if ord(c) < 128 else f"\\[u{ord(c):04X}]" for c in text)
    return "\\&" + text if text.startswith(".") else text


def option_lines(option):
    head = ", ".join(f"\\fB{roff(flag)}\\fR" for flag in option.flags)
    value = roff(option.value)
    head = f"{head} {value}".strip() if head else f"\\fI{value}\\fR"
    return [".TP", head, roff(option.text) or "\\&"]


def group_lines(groups, heading):
    lines = []
    for group in groups:
        lines.append(f'.{heading} "{roff(group.title).upper() if heading == "SH" else roff(group.title)}"')
        if group.note:
            lines.append(roff(group.note))
        for option in group.options:
            lines += option_lines(option)
    return lines


def exit_codes(page):
    """Rows of the table in docs/exit-codes.md."""
    rows = re.findall(r"^\| (\d+) \| (\w+) \| (.*?) \|", page.read_text(), re.MULTILINE)
    if not rows:
        raise HelpError(f"{page}: has no table of exit codes")
    lines = ['.SH "EXIT STATUS"']
    for code, _, meaning in rows:
        lines += [".TP", f"\\fB{code}\\fR", roff(meaning.replace("`", ""))]
    return lines


def man_page(parsed, version, codes, others):
    date = datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", codes.stat().st_mtime)), datetime.timezone.utc)
    summary = re.split(r"(?<=[a-z])\.(?: |$)", " ".join(parsed.description))[0].rstrip(".")
    if summary[1:2].islower():  # not an abbreviation
        summary = summary[0].lower() + summary[1:]
    lines = [f'.TH "{parsed.name.upper()}" 1 "{date:%B %Y}" "GFS {version}" "GFS"', ".SH NAME",
             f"{roff(parsed.name)} \\- {roff(summary)}", ".SH SYNOPSIS"]
    usages = [parsed.usage] + [command.usage for command in parsed.subcommands.values()]
    for usage in usages:
        program, _, rest = usage.partition(" ")
        lines += [f".B {roff(program)}", roff(rest), ".br"]
    lines += [".SH DESCRIPTION", *map(roff, parsed.description)]
    lines += group_lines(parsed.groups, "SH")
    for name, command in parsed.subcommands.items():
        lines += [f'.SH "{roff(name).upper()}"', *map(roff, command.description)]
        lines += group_lines(command.groups, "SS")
    if parsed.closing:
        lines += [".SH NOTES", *map(roff, parsed.closing)]
    lines += exit_codes(codes)
    if examples := parsed.examples + [line for c in parsed.subcommands.values() for line in c.examples if line not in parsed.examples]:
        lines += [".SH EXAMPLES", ".nf", *map(roff, examples), ".fi"]
    others = [f"\\fB{roff(other)}\\fR(1)" for other in others if other != parsed.name]
    lines += ['.SH "SEE ALSO"', ", ".join(others)]
    return "\n".join(lines) + "\n"


def bash_completion(parsed):
    """Flags of the program and of the subcommand given; values where --help lists them; else files."""
    function = "_" + parsed.name.replace("-", "_")
    everything = parsed.options() + [option for c in parsed.subcommands.values() for option in c.options()]

    def flags(options):
        return " ".join(flag for option in options for flag in option.flags)

    cases = {}
    for option in everything:
        if option.choices and option.flags:
            cases["|".join(option.flags)] = f'COMPREPLY=($(compgen -W "{" ".join(option.choices)}" -- "$current")); return'
    files = "|".join(flag for option in everything if option.takes_value and not option.choices for flag in option.flags)
    if files:
        cases[files] = 'COMPREPLY=($(compgen -f -- "$current")); return'
    lines = ["# Made from " + parsed.name + " --help.", f"{function}() {{",
             '  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} word',
             f'  local flags="{flags(parsed.options())}" commands="{" ".join(parsed.subcommands)}"',
             '  case $previous in', *[f"  {pattern}) {action} ;;" for pattern, action in cases.items()], "  esac"]
    if parsed.subcommands:
        lines += ['  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do', "    case $word in"]
        lines += [f'    {name}) flags+=" {flags(command.options())}" commands="" ;;' for name, command in parsed.subcommands.items()]
        lines += ["    esac", "  done"]
    lines += ['  if [[ $current == -* ]]; then', '    COMPREPLY=($(compgen -W "$flags" -- "$current"))', "  else",
              '    COMPREPLY=($(compgen -W "$commands" -- "$current") $(compgen -f -- "$current"))', "  fi", "}",
              f"complete -o filenames -F {function} {parsed.name}"]
    return "\n".join(lines) + "\n"


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("program", type=pathlib.Path)
    arguments.add_argument("--version", required=True)
    arguments.add_argument("--codes", type=pathlib.Path, required=True, help="docs/exit-codes.md")
    arguments.add_argument("--others", default="", help="programs to refer to, with commas")
    arguments.add_argument("--man", type=pathlib.Path, required=True)
    arguments.add_argument("--bash", type=pathlib.Path, required=True)
    given = arguments.parse_args()
    try:
        parsed = help_of(given.program.resolve(), given.program.name)
        given.man.write_text(man_page(parsed, given.version, given.codes, [o for o in given.others.split(",") if o]))
        given.bash.write_text(bash_completion(parsed))
    except (HelpError, OSError) as error:
        print(f"manual.py: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
