"""Words of everyday life in 23 languages, from two npm packages: the names and keywords of emoji (cldr-annotations-full, Unicode-3.0) and
the commonest words of a language (stopwords-iso, MIT). They tell a guard that a word it has seldom met is nothing to fear.

`all.py` fetches both packages; `--words DIR` is the folder that holds them.
"""
import json
import re
from pathlib import Path

PACKAGES = ["cldr-annotations-full@48.2.0", "stopwords-iso@1.1.0"]
LANGUAGES = "en fr es de it pt nl pl zh ar hi vi ko th bn sw jv ru ja tr sv id uk".split()
# pictures whose words are not for a list of harmless ones
LEFT_OUT = set("🔫💣🗡🔪🪓⚔🖕🍑🍆💉💊🚬🚭💀☠🔞👙💋💏💑🛏🩸⚰🪦😈👿🤬💢🧨🪤🐒🐵🙈🙉🙊🐷🐖🐽💩🤮🤢🖤👅🥵🫦🚑🤰🤱🏴🇮🇵☢☣🧟🧛👹👺👻😡😠😤🔥🍌🌭🥒🕳🩲🩱🚽🚾👃🐀🐁🪳🐍🕷🦍🦧🐕🐩")


def pictures(folder, lang):
    path = Path(folder) / "cldr-annotations-full" / "annotations" / lang / "annotations.json"
    entries = json.loads(path.read_text())["annotations"]["annotations"]
    for character, entry in entries.items():
        # flags, skin colours and signs have names rather than words
        if character[0] in LEFT_OUT or ord(character[0]) < 0x2190 or "\u200d" in character or 0x1F3FB <= ord(character[0]) <= 0x1F3FF:
            continue
        yield from entry.get("default", []) + entry.get("tts", [])


def words(folder, lang):
    """→ (names of things: words and short phrases, the commonest words)"""
    found = {text.strip() for text in pictures(folder, lang) if len(text) < 30 and text.count(" ") < 3 and not re.search(r"[\d:(){}\[\]|“”]", text)}
    common = json.loads((Path(folder) / "stopwords-iso" / "stopwords-iso.json").read_text()).get(lang, [])
    return sorted(found), sorted({word for word in common if not re.search(r"\d", word)})


def all_words(folder):
    return {lang: words(folder, lang) for lang in LANGUAGES}
