"""Ways in which a value gets into what a notebook saves, each a cell, and how it is told that one
did.

In a cell ``token`` is a value of letters and digits, ``odd`` one with quotes, backslashes and
letters beyond ASCII, ``long`` one that tables and listings cut off.
"""

from __future__ import annotations

import base64
import html
import json
import random
import re
import string
from collections.abc import Mapping
from urllib.parse import quote, quote_plus

_GAPS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|<[^<>]*>")
_PIECE = 24

SETTING = """
import os, sys, time, json, logging, subprocess, threading, warnings, base64
from IPython.display import HTML, JSON, Markdown, Javascript, SVG, display, update_display
token, odd, long = (os.environ[name] for name in ("HF_TOKEN", "ODD_KEY", "LONG_KEY"))
"""
INSTALL = """
from credman.notebook.redacting import Redactor, install
install(get_ipython(), Redactor({n: os.environ[n] for n in ("HF_TOKEN", "ODD_KEY", "LONG_KEY")}))
"""


def make_values() -> dict[str, str]:
    """Returns: by variable."""
    rng = random.Random(10)
    some = "".join(rng.choices(string.ascii_letters, k=10))
    return {
        "HF_TOKEN": "hf_" + "".join(rng.choices(string.ascii_letters + string.digits, k=34)),
        "ODD_KEY": f"p\"a'ss\\w<{some}>&é{rng.randrange(10**9)} ü$/x",
        "LONG_KEY": "sk-" + "".join(rng.choices(string.ascii_letters + string.digits, k=98)),
    }


def make_long_values() -> dict[str, str]:
    """Returns: by variable; a key of several lines, a token of three parts, and the password of a
    URL."""
    rng = random.Random(8)
    some = string.ascii_letters + string.digits
    body = base64.b64encode(rng.randbytes(2400)).decode()
    kind = "PRIVATE" + " KEY-----"
    return {
        "PEM_KEY": "\n".join(
            [f"-----BEGIN {kind}", *re.findall(".{1,64}", body), f"-----END {kind}"]
        ),
        "JWT": "eyJ" + ".".join("".join(rng.choices(some, k=size)) for size in (33, 620, 342)),
        "URL": f"postgresql://reader:{''.join(rng.choices(some, k=30))}@db.example.com/main",
    }


def find_leaks(text: str, values: Mapping[str, str]) -> set[str]:
    """Returns: the names of values of which the whole, or 24 characters, are in a text, as they
    are or encoded."""
    texts = (text, _GAPS.sub("", text), text.replace("\n", ""))
    return {
        name
        for name, value in values.items()
        if any(form in each for form in _list_forms(value) for each in texts)
    }


def _list_cases(text: str) -> tuple[str, str]:
    return text.lower(), text.upper()


def _list_forms(value: str) -> list[str]:
    data = value.encode()
    pieces = {value[at : at + _PIECE] for at in range(max(len(value) - _PIECE, 0) + 1)}
    encoded = [base64.b64encode(b"x" * n + data).decode()[4:-4] for n in range(3)]
    return [
        *pieces,
        *(each[:40] for each in encoded),
        *_list_cases(data.hex()),
        *_list_cases(data.hex(":")),
        *_list_cases(base64.b32encode(data).decode().rstrip("=")[:-1]),
        json.dumps(value)[1:-1],
        json.dumps(json.dumps(value)[1:-1])[1:-1],
        repr(data)[2:-1],
        ascii(value)[1:-1],
        quote(value, safe=""),
        quote(value),
        quote_plus(value),
        html.escape(value),
    ]


WAYS = {
    "print": "print(token)",
    "print in a text": "print('Authorization: Bearer ' + token, odd)",
    "last expression": "token",
    "last expression, odd": "odd",
    "dict": "{'a': token, token: odd}",
    "list": "[token, (odd,)]",
    "set": "{token}",
    "f-string error": "raise ValueError(f'no: {token}')",
    "chained errors": (
        "try:\n    int(token)\nexcept ValueError as e:\n    raise RuntimeError(odd) from e"
    ),
    "error while an error": "try:\n    int(token)\nexcept ValueError:\n    {}[odd]",
    "key error": "{}[token]",
    "exception group": "raise ExceptionGroup('many', [ValueError(token), KeyError(odd)])",
    "note of an error": "e = ValueError('x')\ne.add_note(token)\nraise e",
    "assertion": "assert token == '', token",
    "xmode Plain": "%xmode Plain\nraise ValueError(token)",
    "xmode Context": "%xmode Context\nraise ValueError(odd)",
    "xmode Minimal": "%xmode Minimal\nraise ValueError(token)",
    "xmode Verbose": (
        "%xmode Verbose\ndef call(key, other):\n    inner = [key]\n    1 / 0\ncall(token, odd)"
    ),
    "literal in a traceback": (
        "exec(compile(f'def call():\\n    key = {token!r}; 1 / 0', '<x>', 'exec'))\n"
        "import linecache\n"
        "linecache.cache['<x>'] = (1, None, [f'def call():\\n', f'    key = {token!r}; 1/0\\n'],"
        " '<x>')\ncall()"
    ),
    "print_exc": (
        "import traceback\ntry:\n    int(token)\nexcept ValueError:\n    traceback.print_exc()"
    ),
    "%tb": "%tb",
    "%env": "%env HF_TOKEN",
    "%env set": "%env COPY={token}",
    "environ": "dict(os.environ)",
    "%whos": "%whos",
    "%who_ls": "%who_ls str\n%precision\nprint(globals()['token'])",
    "%pprint": "%pprint\n{'b': token}",
    "%%capture": (
        "from IPython.utils.capture import capture_output\nwith capture_output() as kept:\n"
        "    print(token); display(HTML(odd))\nkept.show()"
    ),
    "%history": (
        "get_ipython().history_manager.input_hist_raw[1] = f'login({token!r})'\n%history 1"
    ),
    "%run": "open('own.py', 'w').write('import os; print(os.environ[\"HF_TOKEN\"])')\n%run own.py",
    "%timeit": "%timeit -n1 -r1 print(token)",
    "!echo": "!echo $HF_TOKEN",
    "!echo, coloured": "!printf '\\033[31m%s\\033[0m%s\\n' \"$(echo $HF_TOKEN | cut -c-5)\" "
    '"$(echo $HF_TOKEN | cut -c6-)"',
    "!env": "!env",
    "! result": "x = !echo $HF_TOKEN\nx",
    "%%bash": "%%bash\necho $HF_TOKEN; echo $HF_TOKEN >&2",
    "%%sh error": "%%sh\nset -x; : $HF_TOKEN; false",
    "subprocess": "subprocess.run(['sh', '-c', 'echo $HF_TOKEN'])",
    "subprocess, shown": "subprocess.run(['sh', '-c', 'echo $HF_TOKEN'], capture_output=True)",
    "subprocess error": "subprocess.run(['false', token], check=True)",
    "spawned Python": "subprocess.run([sys.executable, '-c', 'import os; print(os.environ)'])",
    "os.system": "os.system('echo $LONG_KEY')",
    "os.write": "os.write(1, token.encode() + b'\\n'); sys.stdout.flush()",
    "os.write, in pieces": (
        "for at in range(0, 40, 9):\n    os.write(1, token[at : at + 9].encode())\n"
        "    time.sleep(0.01)"
    ),
    "fork": (
        "sys.stdout.flush()\npid = os.fork()\nif not pid:\n    print(token); sys.stdout.flush()\n"
        "    os._exit(0)\nos.waitpid(pid, 0); time.sleep(0.2)"
    ),
    "multiprocessing": (
        "import multiprocessing\nchild = multiprocessing.get_context('fork').Process(\n"
        "    target=print, args=(token,))\nchild.start(); child.join(); time.sleep(0.2)"
    ),
    "logging": "logging.warning('key %s', token)",
    "logging, to stdout": (
        "log = logging.Logger('x')\nlog.addHandler(logging.StreamHandler(sys.stdout))\n"
        "log.error({'key': odd})"
    ),
    "logging, exception": "try:\n    int(token)\nexcept ValueError:\n    logging.exception('no')",
    "warnings": "warnings.warn(f'{token} is old')",
    "stderr": "print(token, file=sys.stderr)",
    "faulty thread": "t = threading.Thread(target=int, args=(token,))\nt.start(); t.join()",
    "thread": "t = threading.Thread(target=print, args=(token,))\nt.start(); t.join()",
    "thread, later": "threading.Timer(0.1, print, (token,)).start()",
    "asyncio": "import asyncio\nasync def say():\n    print(token)\nawait say()",
    "finalizer": "class A:\n    def __del__(self):\n        print(token)\nA()\nNone",
    "unraisable": "class B:\n    def __del__(self):\n        int(token)\nb = B(); del b",
    "HTML": "HTML(f'<b>{token}</b>')",
    "HTML, escaped": "import html\nHTML(html.escape(odd))",
    "HTML, cut by tags": "HTML(f'<i>{token[:8]}</i><b>{token[8:]}</b>')",
    "JSON": "JSON({'key': [token], odd: 1})",
    "JSON text": "print(json.dumps({'key': odd}))",
    "JSON in JSON": "print(json.dumps({'key': json.dumps([odd])}))",
    "Markdown": "Markdown(f'**{token}**')",
    "Javascript": "Javascript(f'var key = {json.dumps(odd)}')",
    "SVG": "SVG(f'<svg xmlns=\"http://www.w3.org/2000/svg\"><text>{token}</text></svg>')",
    "any type": "display({'application/x-own': {'a': [{'b': token}]}, 'text/plain': ''}, raw=True)",
    "metadata": "display({'text/plain': ''}, raw=True, metadata={'key': token})",
    "update_display": "display('x', display_id='d')\nupdate_display(token, display_id='d')",
    "clear_output": (
        "from IPython.display import clear_output\nprint('x')\nclear_output(wait=True)\n"
        "print(token)"
    ),
    "own repr": "class C:\n    def _repr_latex_(self):\n        return token\n"
    "    def __repr__(self):\n        return odd\nC()",
    "error in a repr": "class D:\n    def __repr__(self):\n        raise ValueError(token)\nD()",
    "widget": "import ipywidgets\nipywidgets.Password(value=token)",
    "widget, changed": "box = ipywidgets.Text()\ndisplay(box)\nbox.value = 'x' + token",
    "widget, output": "out = ipywidgets.Output()\ndisplay(out)\nwith out:\n    print(token)",
    "widget, options": "ipywidgets.Dropdown(options=[('a', token), (long, 'b')])",
    "widget, bytes": "ipywidgets.Image(value=b'x' + token.encode(), format='png')",
    "pprint": "import pprint\npprint.pprint({'a': [token, odd], 'long': [long] * 3})",
    "rich": "import rich\nrich.print({'a': token, 'b': long})",
    "rich, a table": (
        "from rich.table import Table\ntable = Table('a', 'b')\ntable.add_row(token, 'x')\n"
        "rich.print(table)"
    ),
    "rich, a traceback": (
        "from rich.console import Console\ntry:\n    key = token; 1 / 0\nexcept Exception:\n"
        "    Console().print_exception(show_locals=True)"
    ),
    "reprlib": "import reprlib\nr = reprlib.Repr()\nr.maxstring = 60\nr.repr(long)",
    "cut off": "print(long[:46] + '...')",
    "a piece of it": "print(long[30:70])",
    "progress": "for n in range(5):\n    print(f'\\r{n} {token}', end='')",
    "progress, flushed": "for n in range(5):\n    print(f'\\r{n} {odd}', end='', flush=True)",
    "a character at a time": "for c in token:\n    print(c, end='', flush=True)",
    "a character at a time, odd": "for c in odd + odd:\n    print(c, end='', flush=True)",
    "a character at a time, in pieces of time": (
        "for c in token:\n    print(c, end='', flush=True); time.sleep(0.01)"
    ),
    "two prints": "print(token[:20], end='', flush=True)\nprint(token[20:])",
    "seven characters": (
        "for at in range(0, 40, 7):\n    sys.stdout.write(token[at : at + 7]); sys.stdout.flush()"
    ),
    "coloured characters": (
        "for c in token:\n    print(f'\\x1b[3{ord(c) % 8}m{c}\\x1b[0m', end='', flush=True)"
    ),
    "without an end": "print('x ' + token, end='')",
    "many": "print('\\n'.join(f'{n} {token}' for n in range(5000)))",
    "bytes": "token.encode()",
    "bytes, odd": "odd.encode()",
    "bytearray": "bytearray(token, 'ascii')",
    "ascii": "print(ascii(odd))",
    "base64": "print(base64.b64encode(f'user:{token}'.encode()).decode())",
    "hex": "print(token.encode().hex())",
    "hex with colons": "print(token.encode().hex(':'), odd.encode().hex(':').upper())",
    "base32": "print(base64.b32encode(token.encode()).decode())",
    "base32, small letters": "print(base64.b32encode(token.encode()).decode().lower())",
    "URL": "from urllib.parse import quote\nprint('https://x/?key=' + quote(odd, safe=''))",
    "URL error": (
        "import urllib.request\nurllib.request.urlopen(f'http://user:{token}@127.0.0.1:1/')"
    ),
    "shell words": "import shlex\nprint(shlex.join(['curl', odd]))",
    "argparse": (
        "import argparse\nparser = argparse.ArgumentParser()\n"
        "parser.add_argument('--n', type=int)\nparser.parse_args(['--n', token])"
    ),
    "dataclass": (
        "import dataclasses\n@dataclasses.dataclass\nclass E:\n    key: str\nE(token)"
    ),
    "doc": "def call(key=token):\n    pass\n?call",
    "page of a payload": "from IPython.core import page\npage.page(token)",
    "set_next_input": "get_ipython().set_next_input(f'login({token!r})')",
    "help": "help(type('F', (), {'__doc__': token}))",
    "sys.displayhook": "sys.displayhook(token)",
    "sys.excepthook": "sys.excepthook(ValueError, ValueError(token), None)",
    "stdout of the process, later": "print(token, file=sys.__stdout__, flush=True)",
    "HTTP debugging": (
        "import http.client\nc = http.client.HTTPConnection('127.0.0.1', 1)\nc.set_debuglevel(1)\n"
        "try:\n    c.request('GET', '/')\nexcept OSError:\n    print(f'send: {token.encode()!r}')"
    ),
    "pdb": (
        "import pdb, io\n"
        "pdb.Pdb(stdin=io.StringIO('p token\\nq\\n'), stdout=sys.stdout).run('pass', globals())"
    ),
}  # fmt: skip

LONG_WAYS = {
    "print": "print(value)",
    "result": "value",
    "traceback": "raise ValueError(value)",
    "echo": "!printf '%s\\n' \"$VALUE\"",
    "cat": "open('f', 'w').write(value * 9)\n!cat f",
    "a character at a time": "for c in value:\n    print(c, end='', flush=True)",
    "coloured": "for c in value:\n    print(f'\\x1b[31m{c}\\x1b[0m', end='', flush=True)",
    "lines": "for each in value.splitlines(): print(each, flush=True)",
    "pieces": ("for at in range(0, len(value), 50): print(value[at:at + 50], end='', flush=True)"),
    "it waits in the middle": (
        "print(value[:400], end='', flush=True); time.sleep(0.5)\nprint(value[400:])"
    ),
    "hexadecimal": "for c in value.encode().hex():\n    print(c, end='', flush=True)",
    "base64": "print(base64.b64encode(value.encode()).decode())",
    "HTML": "HTML(f'<pre>{value}</pre>')",
    "display": "display({'text/plain': value, 'application/json': {'a': [value]}}, raw=True)",
}
