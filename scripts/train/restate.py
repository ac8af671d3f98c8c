"""Assistant-like sentences built from a prompt's own words: "How do I X?" becomes "Here are some ways to X."

The data has few long unsafe replies. The same frames are filled with harmless actions (everyday.py), so the frame itself
tells nothing.
"""
import re

FRAMES = {
    "en": ["Here is how to {a}.", "Here are some ways to {a}.", "Here are several methods to {a}.", "To {a}, start with the basics.", "Sure! It is easy to {a}.",
           "The best way to {a} is to take it step by step.", "You can {a} in a few simple steps.", "Here is a short guide to {a}.", "Of course, I can help you {a}.",
           "If you want to {a}, follow these steps.", "Step 1: before you {a}, read this guide.", "Sure, here is a tutorial on how to {a}.", "I will show you how to {a}.",
           "Many people want to {a}, and it is not hard.", "Now, to {a}:", "And this is what you need to {a}.", "Let me explain how to {a}.", "In order to {a}, do this.",
           "Here's a detailed plan to {a}.", "You should {a}.", "Then {a}.", "Here are some practical methods to {a}.", "Here are some practical methods to {a}.", "Here are a few practical methods to {a}.", "Practical methods to {a}:",
           "Then {a}, and do not wait.", "After that, {a}.", "First, {a}.", "Next, {a}, and then rest.", "In the evening, {a}.", "You could {a}.", "Let's {a}.", "Now {a}!", "Finally, {a}.",
           "I would {a}.", "Why not {a}?", "There are many ways to {a}.", "Methods to {a}:", "1. {a}."],
    "fr": ["Voici comment {a}.", "Pour {a}, commencez ainsi.", "Vous pouvez {a} en quelques étapes.", "Voici un guide pour {a}."],
    "zh": ["您可以这样{a}。", "以下是{a}的方法。", "{a}的步骤如下。", "当然，我来告诉您如何{a}。", "要{a}，首先准备好所有材料。"],
    "vi": ["Đây là cách {a}.", "Bạn có thể {a} theo các bước sau.", "Để {a}, hãy bắt đầu như sau.", "Hướng dẫn {a}:"],
}
GERUND_FRAMES = ["Here are some methods for {a}.", "There are several ways of {a}.", "A good approach for {a} is simple.", "This is a guide for {a}."]
OBJECT_FRAMES = ["Sure, here is {a}.", "Here is {a}:", "Of course! I wrote {a}.", "Below you will find {a}.", "I have prepared {a}.", "This is {a}."]

_WAYS = r"what(?: are|'s| is)? (?:some |the |a |your )?(?:[\w-]+ ){0,3}?(?:ways?|methods?|techniques?|strategies|strategy|steps|tactics|tips|means|process)"
_ACTION = re.compile(
    r"^(?:(?:hello|hi|hey|please)[,! ]*)?(?:(?:can|could) you |please )?(?:(?:tell|show|teach) me |explain (?:to me )?|describe )?(?:"
    r"how (?:can|do|could|would|should|might) (?:i|you|we|one|someone|somebody|people)(?: best| effectively| possibly)?|how to|"
    + _WAYS + r" (?:[\w-]+ )?(?:to|(?:i|you|we) (?:can|could))|"
    r"(?:write|give|create|provide|develop|generate|show|explain|describe|teach)\b.{0,70}?\bhow to)\s+(.+?)[\s?.!]*$", re.I | re.S)
_GERUND = re.compile(r"^" + _WAYS + r" (?:for|of) (\w+ing\b.+?)[\s?.!]*$", re.I | re.S)
_OBJECT = re.compile(
    r"^(?:please )?(?:write|create|develop|generate|give|provide|design|make|produce|draft|publish|compose|outline)\s+(?:me\s+)?"
    r"((?:a|an|the|some|instructions|detailed|step-by-step)\b.+?)[\s.!?]*$", re.I | re.S)
_FOREIGN = {
    "fr": re.compile(r"^Comment (?:puis-je |peut-on |pourrais-je |pourrait-on |faire pour )?(\w+(?:er|ir|re)\b.+?)\s*\??$", re.S),
    "zh": re.compile(r"^我?(?:如何|怎样|怎么)(?:才能|才可以|能够|能|可以)?(.+?)[?？。]*$", re.S),
    "vi": re.compile(r"^Làm (?:cách nào|thế nào)(?: để)? (?:tôi |mình )?(?:có thể )?(.+?)\??$", re.S),
}
_YOU = [(re.compile(rf"\b{a}\b"), b) for a, b in (("my", "your"), ("me", "you"), ("myself", "yourself"), ("I", "you"), ("I'm", "you're"))]


def action_of(lang, prompt):
    """→ (kind, phrase) where kind is a key for `frames`, or None."""
    text = prompt.strip()
    if len(text) > 220:
        return None
    tests = [(lang, _FOREIGN[lang])] if lang in _FOREIGN else [("en", _ACTION), ("gerund", _GERUND), ("object", _OBJECT)]
    for kind, pattern in tests:
        found = pattern.match(text)
        if found:
            phrase = found.group(1).strip()
            if kind in ("en", "gerund", "object"):
                for word, other in _YOU:
                    phrase = word.sub(other, phrase)
            return (kind, phrase) if len(phrase) > 3 else None
    return None


def clauses(rng, actions):
    """Several actions in one sentence → it, and where the first one starts and ends."""
    opening = rng.choice(["Then ", "After that, ", "Next, ", "Now ", "You could ", "You should ", "Tomorrow you can ", "In the evening, ", "First, ", "Later, ", "Let us ", ""])
    first = actions[0] if opening else actions[0][:1].upper() + actions[0][1:]
    joined = ", ".join([first, *actions[1:-1]]) + (rng.choice([" and ", ", and ", " and then "]) + actions[-1] if len(actions) > 1 else "") + rng.choice([".", ".", ".", "!", ":"])
    return opening + joined, len(opening), len(opening) + len(first)


def restate(rng, kind, phrase):
    """→ the sentence and the offset in it where the phrase starts."""
    frames = {"gerund": GERUND_FRAMES, "object": OBJECT_FRAMES}.get(kind) or FRAMES[kind]
    frame = rng.choice(frames)
    return frame.format(a=phrase), frame.index("{a}")
