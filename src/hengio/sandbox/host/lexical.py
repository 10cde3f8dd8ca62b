"""What may stand in a guest's SQL at all, word by word, where the database's own wall is thin: MySQL and Oracle.

This looks at the text as the database's lexer does, so that what the parser overlooks or reads otherwise is found all
the same. A word that is only forbidden as a name of something harmless is refused, too.
"""

from __future__ import annotations

import re
from typing import Literal

from hengio.errors import Refused
from hengio.targets.lexing import TOKENS, code

_INSERTED = re.compile(r"\b(?:insert|merge)\s+(?:[a-z_]+\s+){0,2}into\b", re.IGNORECASE)
_MARKS = re.compile(r"--|/\*|#|@")
_WORDS: dict[str, re.Pattern[str]] = {
    "mysql": re.compile(
        r"""\b(?:into|outfile|dumpfile|infile|procedure|handler|prepare|execute|(?:next|previous)\s+value\s+for)\b
        | \b(?:load_file|sleep|benchmark|nextval|setval|lastval|is_free_lock|is_used_lock|get_lock
          | release_(?:lock|all_locks) | (?:master|source)_\w*wait\w* | wait_(?:for|until)_\w+ | \w*gtid\w*
          | (?:sys|lib_mysqludf|spider|wsrep|group_replication|asynchronous|keyring|audit|firewall|version_tokens)_\w+
          ) `? \s* \(
        | `? \b(?:mysql|performance_schema|sys)\b `? \s* \.""",
        re.IGNORECASE | re.VERBOSE,
    ),
    "oracle": re.compile(
        r"""\b(?:into|begin|declare|function|procedure|pragma|execute|call|nextval|currval)\b
        | \b(?:dbms|utl|apex|owa|htp|htf|wwv|dba|cdb|gv|ordsys|mdsys|ctxsys)_?\w*[.$(_] | \w*\$\w*
        | \bsys\b "? \s* \.
        | \b(?:all|user)_(?:source|users|db_links|credentials|directories|external\w*|java\w*|jobs|scheduler\w*
          | audit\w*|network\w*|policies|encrypted\w*|\w*_privs\w*)\b
        | \b(?:sys_context|userenv|\w*uritype|urifactory|sys_dburigen|xmltype|xml(?:query|table|exists|transform)
          |bfilename) \b""",
        re.IGNORECASE | re.VERBOSE,
    ),
}


def check(query: str, dialect: Literal["mysql", "oracle"]) -> None:
    """Raises `Refused` for comments (MySQL runs some, hints change settings), variables, links to other databases,
    and for words that reach files, the network, other sessions, locks, sequences or the system's own tables."""
    for token in TOKENS[dialect].finditer(query):
        if token["comment"] is not None:
            raise Refused("a statement has no comments in it on this database")
        if dialect == "oracle" and token["text"] is not None and not token["text"].startswith("'"):
            raise Refused("a statement has no q'…' in it", hint="write '…' and double each apostrophe")
    text = _INSERTED.sub(" ", code(query, dialect))
    if (mark := _MARKS.search(text)) is not None:
        raise Refused(f"a statement has no `{mark[0]}` in it on this database")
    if (word := _WORDS[dialect].search(text)) is not None:
        raise Refused(f"`{word[0].strip()[:60]}` is not allowed in a statement of a module")
