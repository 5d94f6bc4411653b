# SPDX-License-Identifier: Apache-2.0
"""What a program's --help says, in parts: description, usage, groups of options, subcommands, examples."""
import dataclasses
import re
import subprocess


class HelpError(Exception):
    """A text that is no --help of ours."""


@dataclasses.dataclass
class Option:
    flags: list  # ["-h", "--help"]; [] for a positional
    value: str  # what follows the flags: "TEXT", "UINT in [1 - 8]=4"
    text: str

    @property
    def choices(self):
        found = re.search(r"\{([^}]*)\}", self.value)
        return found.group(1).split(",") if found else []

    @property
    def takes_value(self):
        return re.match(r"[A-Z<=:]", self.value) is not None and not re.match(r"(Needs|Excludes):", self.value)


@dataclasses.dataclass
class Group:
    title: str
    note: str = ""
    options: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Help:
    name: str
    description: list = dataclasses.field(default_factory=list)
    usage: str = ""
    groups: list = dataclasses.field(default_factory=list)
    subcommands: dict = dataclasses.field(default_factory=dict)  # name -> Help
    examples: list = dataclasses.field(default_factory=list)
    closing: list = dataclasses.field(default_factory=list)

    def options(self):
        return [option for group in self.groups for option in group.options]


def output_of(program, *arguments):
    done = subprocess.run([program, *arguments, "--help"], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise HelpError(f"{program} {' '.join(arguments)} --help: exit {done.returncode}: {done.stderr}")
    return done.stdout


def entry(name, text):
    """An option from the left column of --help: "-n,--name TEXT:{a,b}=a"."""
    first, _, value = name.partition(" ")
    if not first.startswith("-"):
        return Option([], name, text)
    value = re.sub(r"^[A-Z]+:(?=[A-Z]+ in )", "", value)  # UINT:UINT in [1 - 8]
    return Option(first.split(","), value.strip(), text)


def parse(name, text):
    """The --help of a program that reads its command line with CLI11."""
    before, found, rest = text.partition("\nUsage: ")
    if not found:
        raise HelpError(f"{name} --help: has no line 'Usage: …'")
    usage, _, rest = rest.partition("\n")
    parsed = Help(name, before.strip().splitlines(), usage.strip())
    group, option, purposes = None, None, {}
    for line in rest.splitlines():
        heading = re.fullmatch(r"\[Option Group: (.+)\]|(\S.*):", line)
        if heading:
            group, option = Group(heading.group(1) or heading.group(2)), None
            if group.title not in ("Subcommands", "Examples"):
                parsed.groups.append(group)
        elif group and group.title == "Examples":
            parsed.examples.append(line.removeprefix("  "))
        elif not line.strip():
            option = None
        elif not line.startswith(" "):
            parsed.closing.append(line)
        elif re.fullmatch(r"  (Options|Positionals):", line):
            continue
        elif option and re.match(r" {28}", line):
            option.text = (option.text + " " + line.strip()).strip()
        elif group and group.title == "Subcommands":
            command, _, purpose = line.strip().partition("  ")
            purposes[command] = purpose.strip()
        elif group:
            left, _, right = line.strip().partition("  ")
            if right or re.match(r" {2,4}(-|\S+ [A-Z]+\b)", line):
                option = entry(left, right.strip())
                group.options.append(option)
            else:
                group.note = line.strip()
    while parsed.examples and not parsed.examples[-1]:
        parsed.examples.pop()
    return parsed, purposes


def parse_llvm(name, text):
    """The --help of a pass driver: LLVM's own options are many, and told by --help; here are the passes that are ours."""
    overview = re.search(r"OVERVIEW: (.*)", text)
    usage = re.search(r"USAGE: (.*)", text)
    passes = re.findall(r"^ {6}--((?:nn|fixed|secure|convert)-[a-z-]+) +- +(\S.*)$", text, re.MULTILINE)
    if not (overview and usage and passes):
        raise HelpError(f"{name} --help: is not that of a pass driver with passes")
    group = Group("Passes", options=[Option(["--" + flag], "", purpose) for flag, purpose in passes])
    return Help(name, [overview.group(1) + "."], usage.group(1), [group],
                closing=[f"LLVM's and MLIR's own options are shown by {name} --help."])


def help_of(program, name):
    """Everything `program` and its subcommands say."""
    text = output_of(program)
    if text.startswith("OVERVIEW:"):
        return parse_llvm(name, text)
    parsed, purposes = parse(name, text)
    for command in purposes:
        parsed.subcommands[command] = parse(f"{name} {command}", output_of(program, command))[0]
    if not parsed.options():
        raise HelpError(f"{name} --help: names no options")
    return parsed
