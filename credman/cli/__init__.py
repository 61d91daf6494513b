"""The command line: one module a command, chosen from a table of strings.

Rule: nothing but the chosen command is imported. A test keeps the summaries below equal to what
each command says of itself.
"""

from __future__ import annotations

from typing import NamedTuple

PROGRAM = "credman"


class Entry(NamedTuple):
    """Args: target: ``module:function`` below ``credman.cli``; summary: one line for ``--help``."""

    target: str
    summary: str


COMMANDS: dict[str, Entry] = {
    "init": Entry("init:init", "Make the store, and a recovery key for it"),
    "add": Entry("add:add", "Store a token"),
    "get": Entry("get:get", "Print one value"),
    "show": Entry("show:show", "Show what is known of a token, its values masked"),
    "list": Entry("list:list_tokens", "List the tokens of an environment"),
    "remove": Entry("remove:remove", "Remove a token"),
    "rename": Entry("rename:rename", "Give a token another name"),
    "copy": Entry("copy:copy", "Copy a token into another environment"),
    "check": Entry("check:check", "Ask providers whether tokens are live"),
    "rotate": Entry("rotate:rotate", "Replace a token by a new one"),
    "revoke": Entry("revoke:revoke", "End an old version of a token at its provider"),
    "history": Entry("history:history", "Show the versions of a token"),
    "rollback": Entry("rollback:rollback", "Make a former version the current one again"),
    "schedule": Entry("schedule:schedule", "Say how often a token is to be rotated"),
    "due": Entry("due:due", "Show what is to be rotated, expires or waits, and by when"),
    "remind install": Entry(
        "remind:remind_install", "Install a timer that tells once a day what is due"
    ),
    "remind uninstall": Entry(
        "remind:remind_uninstall", "Take the timer away, from every scheduler that has one"
    ),
    "remind status": Entry(
        "remind:remind_status", "Tell whether a timer is installed, and when it runs next"
    ),
    "remind run": Entry("telling:remind_run", "Tell what is due, each stage once"),
    "scan": Entry("scan:scan", "Find leaked tokens"),
    "clean": Entry("clean:clean", "Take leaked tokens out of files, notebooks and histories"),
    "hook install": Entry(
        "hook:hook_install", "Stop tokens from being committed or pushed from here"
    ),
    "hook uninstall": Entry(
        "hook:hook_uninstall", "Take the git hooks away, and put back what was there"
    ),
    "hook status": Entry(
        "hook:hook_status", "Tell which git hooks are installed, and whether they work"
    ),
    "env": Entry("env:env", "Print text for eval that sets an environment's variables"),
    "exec": Entry("exec:execute", "Run a command with an environment's variables"),
    "export": Entry("export:export", "Write an environment's values in clear"),
    "passwd": Entry("passwd:passwd", "Change the passphrase"),
    "slot list": Entry("slot:slot_list", "List what opens the vault"),
    "slot add": Entry("slot:slot_add", "Add another way to open the vault"),
    "slot remove": Entry("slot:slot_remove", "Take a way to open the vault away"),
    "recovery new": Entry("recovery:recovery_new", "Make a new recovery key"),
    "recovery verify": Entry(
        "recovery:recovery_verify", "Try whether a recovery key opens the vault"
    ),
    "store move": Entry("store:store_move", "Move all tokens to another store"),
    "backup": Entry("backup:backup", "Write a backup to a new file, and read it back"),
    "restore": Entry("restore:restore", "Make a copy of the vault the one that counts"),
    "doctor": Entry("doctor:doctor", "Look at the installation, the store and what lies beside it"),
    "providers": Entry("providers:providers", "List the services whose tokens credman knows"),
    "unlock": Entry("agent:unlock", "Open the store, and keep it open for a while"),
    "lock": Entry("agent:lock", "Close what is open"),
    "status": Entry("agent:status", "Tell what is open, and for how long"),
    "use": Entry("use:use", "Choose the environment and profile used by default"),
    "completions": Entry("completions:completions", "Print the completion script of a shell"),
}

GROUPS = {name.partition(" ")[0] for name in COMMANDS if " " in name}
"""First words of commands of two words."""

ALIASES = {"ls": "list", "rm": "remove", "run": "exec"}

HIDDEN = {"hook run": Entry("hookrun:hook_run", "Look for tokens in what is to be committed")}
"""What only programs call: git's hooks."""

COMPLETE = "__complete"
"""What the completion scripts call. It is no command for people, and in no list of them."""
