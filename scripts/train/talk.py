"""Harmless prompts in 23 languages, put together from tongues.py, everyday_words.py and words.py; rows of marks and emoji."""
from everyday_words import SMALL
from tongues import PROGRAMS, TONGUES
from tongues_more import MORE
from words import LANGUAGES

TONGUES = {lang: [field.split("|") for field in fields] for lang, fields in {**TONGUES, **MORE}.items()}
MARKS = list(".…!?,;:-–—_*#~+=/\\|()[]{}<>@&%$^\"'`。！？、؟।") + ["...", "!!", "??", "--", "**", "//", "&&", ">>", "<3", ":)", ":-(", ";)", "xD", "^_^"]
EMOJI = list("😀😁😂🤣😊😍😎🤔😴😅😭🥳👍👏🙏🎉🌞🌧🌈🌻🍎🍕☕🎂🎵⚽🚗✈🏠📚💡🔑🐶🐱❤💙✨🔥👋🙂😉")


def marks(rng):
    """A row of one mark, of several, or of emoji: nothing said."""
    draw = rng.random()
    if draw < 0.5:
        return rng.choice(MARKS) * rng.randint(1, 12)
    if draw < 0.7:
        return rng.choice(["", " "]).join(rng.choice(MARKS) for _ in range(rng.randint(2, 6)))
    return rng.choice(["", " "]).join(rng.choice(EMOJI) for _ in range(rng.randint(1, 4)))


def salad(rng, lang, words, most):
    names, common = words[lang]
    picked = [rng.choice(common if common and rng.random() < 0.3 else names) for _ in range(rng.randint(1, most))]
    return ("" if lang in ("zh", "ja", "th") and rng.random() < 0.5 else " ").join(picked)


def sentence(rng, lang):
    """One harmless sentence of the language."""
    talk, _, _, _, asks = SMALL[lang]
    return rng.choice(TONGUES[lang][rng.choice([2, 3, 3])] if lang in TONGUES and rng.random() < 0.75 else talk + asks)


def talk(rng, words):
    """One harmless (lang, prompt)."""
    lang = "en" if rng.random() < 0.12 else rng.choice(LANGUAGES[1:])
    draw = rng.random()
    if draw < 0.06:
        return "en", marks(rng)
    if draw < 0.2 or lang == "en":
        return lang, salad(rng, lang, words, rng.choice([1, 1, 2, 3, 6]))
    if draw < 0.55 and lang in TONGUES:
        if draw < 0.28:
            return lang, rng.choice(TONGUES[lang][1]).format(p=rng.choice(PROGRAMS))
        one, other = (rng.choice(words[lang][0]) for _ in range(2))
        prompt = rng.choice(TONGUES[lang][0]).format(n=one, m=other)
    elif draw < 0.65:
        prompt = rng.choice(SMALL[lang][3]).format(a=salad(rng, lang, words, 2))
    else:
        prompt = " ".join(sentence(rng, lang) for _ in range(rng.choice([1, 1, 1, 2])))
    if rng.random() < 0.15:
        prompt = prompt.lower() if rng.random() < 0.6 else prompt.rstrip("?.!？。！؟।")
    return lang, prompt
