"""Jobs for timers, with all that a scheduler could misread."""

from __future__ import annotations

from datetime import time

from hypothesis import strategies as st

from credman.watch.timers import Job

NINE = time(9, 0)
HOSTILE = (
    "a b", 'q"q', "it's", "100%", "%h%i %%", "$HOME", "$$", "${X}", "`id`", "$(id)", "\\", "a\\%b",
    "a\\\\", '\\"', "&<>", "&amp;", ";", "-x", "#", "~", "*", "!", "", " ", "é漢😀", "a=b", "]]>",
    "\\n", "\"$(printf '\\045')\"", "\u00a0",
)  # fmt: skip
ODD = " '\"%$\\&<>;#~*`!()[]{}|^=,é漢😀-@:./ab01\u00a0"
words = st.lists(st.text(st.sampled_from(ODD), max_size=12), max_size=5)
environs = st.dictionaries(
    st.sampled_from(("CREDMAN_HOME", "XDG_STATE_HOME", "CREDMAN_STORE")),
    st.text(st.sampled_from(ODD), max_size=12),
)
times = st.times().map(lambda at: time(at.hour, at.minute))


def make_job(
    *arguments: str, program: str = "/bin/credman", at: time = NINE, **environ: str
) -> Job:
    return Job((program, *arguments), environ, at)


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    program = f"/opt/{draw(st.text(st.sampled_from(ODD), min_size=1, max_size=8))}x"
    return Job((program, *draw(words)), draw(environs), draw(times))
