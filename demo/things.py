"""The things in the pictures: which glyphs, their names, their groups, and which are held out.

A thing is one code point that Noto Color Emoji draws. Flags, keycaps, plain symbols, clock faces,
moon phases and people are left out: they are not things, or they differ too little.
"""
from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass

GROUPS: dict[str, str] = {
    "fruit": "🍇🍈🍉🍊🍋🍌🍍🥭🍎🍏🍐🍑🍒🍓🫐🥝🍅🫒🥥",
    "vegetable": "🥑🍆🥔🥕🌽🌶🫑🥒🥬🥦🧄🧅🍄🥜🫘🌰🍠",
    "meal": "🍞🥐🥖🫓🥨🥯🥞🧇🧀🍖🍗🥩🥓🍔🍟🍕🌭🥪🌮🌯🫔🥙🧆🥚🍳🥘🍲🫕🥣🥗🍿🧈🥫🍱🍘🍙🍚🍛🍜🍝🍢🍣🍤🍥🥮🍡🥟🥠🥡",
    "sweets": "🍦🍧🍨🍩🍪🎂🍰🧁🥧🍫🍬🍭🍮🍯",
    "drink": "🍼🥛☕🫖🍵🍶🍾🍷🍸🍹🍺🍻🥂🥃🥤🧋🧃🧉🧊🏺🧂",
    "land animal": "🐒🦍🦧🐕🦮🐩🐈🐅🐆🐎🦌🦬🐂🐃🐄🐖🐗🐏🐑🐐🐪🐫🦙🦒🐘🦣🦏🦛🐁🐀🐇🐿🦫🦔🦇🦥🦦🦨🦘🦡🐊🐢🦎🐍🐉🦕🦖🦝",
    "animal face": "🐵🐶🐺🦊🐱🦁🐯🐴🦄🦓🐮🐷🐭🐹🐰🐻🐨🐼🐸🐲🐽",
    "bird": "🦃🐔🐓🐣🐤🐥🐦🐧🕊🦅🦆🦢🦉🦤🦩🦚🦜🪶",
    "sea animal": "🐳🐋🐬🦭🐟🐠🐡🦈🐙🐚🪸🦀🦞🦐🦑🦪",
    "small animal": "🐌🦋🐛🐜🐝🪲🐞🦗🪳🕷🦂🦟🪰🪱🦠",
    "plant": "💐🌸🪷🏵🌹🥀🌺🌻🌼🌷🌱🪴🌲🌳🌴🌵🌾🌿☘🍀🍁🍂🍃🪹🪺🎄🎋🎍",
    "vehicle": "🚂🚃🚄🚅🚆🚇🚈🚊🚝🚞🚋🚌🚍🚎🚐🚑🚒🚓🚔🚕🚖🚗🚘🚙🛻🚚🚛🚜🏎🏍🛵🦽🦼🛺🚲🛴🛹🛼",
    "craft": "⛵🛶🚤🛳⛴🛥🚢✈🛩🛫🛬🪂🚁🚟🚠🚡🛰🚀🛸⚓",
    "building": "🏟🏛🛖🏘🏚🏠🏡🏢🏣🏤🏥🏦🏨🏩🏪🏫🏬🏭🏯🏰💒🗼🗽⛪🕌🛕🕍⛩🕋⛲⛺🎠🎡🎢🎪🗿⛽",
    "clothes": "👓🕶🥽🥼🦺👔👕👖🧣🧤🧥🧦👗👘🥻🩱🩲🩳👙👚👛👜👝🛍🎒🩴👞👟🥾🥿👠👡🩰👢👑👒🎩🎓🧢🪖⛑📿💄💍💎",
    "instrument": "🎙🎤🎧📻🎷🪗🎸🎹🎺🎻🪕🥁🪘🔔📯📢📣",
    "tool": "🔨🪓⛏⚒🛠🗡⚔🔫🪃🏹🛡🪚🔧🪛🔩⚙🗜⚖🔗⛓🪝🧰🧲🪜⚗🧪🧫🧬🔬🔭📡💉🩹🩼🩺🔪🔑🗝🔒🔓🧯🪠🪤💣",
    "household": "🚪🪞🪟🛏🛋🪑🚽🚿🛁🪒🧴🧷🧹🧺🧻🪣🧼🪥🧽🛒🍽🍴🥄🕯💡🔦🏮🪔⏰🕰⌛⏳⏱⏲🌡🧸🪆🖼🧵🪡🧶🪢⚱🪦🧿🪬🗑🔮🪄",
    "device": "📱☎📞📟📠🔋🪫🔌💻🖥🖨⌨🖱🖲💽💾💿📀🧮🎥🎞📽📺📷📸📹📼🕹🎮⌚",
    "sport": "⚽⚾🥎🏀🏐🏈🏉🎾🥏🎳🏏🏑🏒🥍🏓🏸🥊🥋🥅⛳⛸🎣🤿🎽🎿🛷🥌🎯🪀🪁🎱🎰🎲🧩♟🃏🎭🎨🏆🥇🥈🥉🏅🎖",
    "office": "📔📕📖📗📘📙📚📓📒📃📜📄📰🗞📑🔖🏷💰🪙💴💵💶💷💸💳🧾✉📧📦📫📪📬📭📮🗳✏✒🖋🖊🖌🖍📝💼📁📂🗂📅📆🗒🗓📇📈📉📊📋📌📍📎🖇📏📐✂🗃🗄",
    "party": "🎃🎆🧨🎈🎉🎊🎎🎏🎐🧧🎀🎁🎗🎟🎫🪅🪩",
    "creature": "👻👽👾🤖💩🤡👹👺💀☃⛄🧞🧟🧜🧚🧙🧛🧝",
    "face": "😀😃😄😁😅😂🙂🙃😉😊😍🤩😘😋😜🤪🤑🤗🤔🤐😐😏😒🙄😬😌😴😷🤒🤕🤢🤧🥵🥶😵🤯🤠🥳😎🤓🧐😮😳🥺😨😢😭😱😤😡🤬😈🥴😇🥸🫠",
    "body": "👀👁👅👄👂👃🦶🦵🦷🦴🧠🫀🫁💪👋✋👌✌🤘👍👎✊👏",
    "sky": "☀🌝🌛🪐⭐🌟☁⛅⛈🌨🌩🌪🌬🌈☂☔⛱⚡❄☄🔥💧🌊🌍🌎🌏🗺🧭🏔🌋🗻",
}

# Glyphs so alike that seeing one in training is seeing the other: they are held out together.
LOOKALIKES: tuple[str, ...] = (
    "🍎🍏🍅", "🍊🍑🥭", "🍒🍇🫐", "🍋🍈", "🥒🥑🥝🫒", "🥔🍠🥜🌰", "🌶🫑🥕", "🥖🥐🍞🥯", "🍖🍗", "🥙🌮🌯🫔", "🥘🍲🥣🥗🍛🍚🫕🍜🍝",
    "🍦🍨🍧", "🍰🎂🥧🧁", "🍺🍻", "🍷🍸🍹🥂🥃", "🥤🧋🧃", "☕🍵🫖", "🐒🐵🦍🦧", "🐕🦮🐩🐶🐺🦊", "🐈🐱🐅🐯🐆🦁", "🐎🐴🦄🦓",
    "🐂🐃🐄🐮🦬", "🐖🐷🐗🐽", "🐏🐑🐐", "🐪🐫🦙", "🐘🦣", "🐁🐀🐭🐹", "🐇🐰", "🐿🦫🦔🦦🦥🦡🦨🦝", "🐻🐼🐨", "🐉🐲🦕🦖",
    "🐔🐓🐣🐤🐥🐦", "🦆🦢🕊", "🦃🦚🦤", "🐳🐋🐬🦈", "🐟🐠🐡", "🦞🦐🦀🦂", "🐛🪱", "🪲🐞🪳🐜", "🦟🪰🐝🦗", "🌸🪷🏵🌺🌻🌼💐", "🌹🌷🥀",
    "🌲🌳🎄🌴", "🌱🌿☘🍀🍃🌾", "🍁🍂", "🚂🚞🚋🚃🚊🚝🚈🚆🚇🚄🚅", "🚌🚍🚎🚐", "🚑🚒🚚🚛", "🚓🚔🚕🚖🚗🚘🚙🛻", "🦽🦼", "🛵🏍",
    "⛵🛶", "🚤🛥🛳⛴🚢", "✈🛩🛫🛬", "🚟🚠🚡", "🏘🏚🏠🏡", "🏢🏣🏤🏥🏦🏨🏩🏪🏫🏬", "🏯🏰", "⛪💒", "🕌🕍🛕", "👓🕶🥽", "👔👕🎽👚🥼🦺",
    "🩱👙🩲🩳👖", "👗👘🥻🧥", "👛👜👝🛍🎒", "👞👟🥾🥿👠👡👢🩰", "🎩🎓👒🧢🪖⛑", "🎙🎤", "🎸🎻🪕", "🎷🎺📯", "🥁🪘", "📢📣", "🔨🪓⛏⚒🛠",
    "🗡⚔🔪", "🔧🪛", "🔗⛓", "🧪🧫⚗", "🔑🗝", "🔒🔓", "⌛⏳", "⏰🕰⏱⏲⌚", "🏮🪔🕯", "🛏🛋🪑", "🪞🪟🖼", "🍽🍴🥄", "🧵🧶🪢🪡", "📱📟📞☎📠",
    "🔋🪫", "💻🖥📺", "💽💾💿📀", "🎥📽📷📸📹", "⚾🥎🏀🏐🎾⚽🎱", "🏈🏉", "🏏🏑🏒🥍🏓🏸", "🥇🥈🥉🏅🎖", "📔📕📖📗📘📙📚📓📒", "📃📜📄📑📰🗞📝🧾",
    "💴💵💶💷💸", "📫📪📬📭📮", "✏✒🖋🖊🖌🖍", "📁📂🗂", "📅📆🗒🗓📇", "📈📉📊📋", "📌📍", "📎🖇", "📏📐", "🎟🎫", "👹👺", "☃⛄",
    "🌍🌎🌏", "☁⛅⛈🌨🌩", "☂☔⛱", "🏔🌋🗻", "⭐🌟", "👍👎✊👋✋👌✌🤘👏", "😀😃😄😁😅😂🙂🙃😉😊", "😍🤩😘", "😐😏😒🙄😬😌😮😳", "😢😭😨😱🥺",
    "😡😤🤬😈", "🤓😎🧐🥸", "😷🤒🤕🤢🤧", "🐌🐚", "🎆🎇", "💍💎", "📦🎁", "🪦🗿", "🥏🪩", "👻💀", "💧🌊", "🌝🌛",
)

# Unicode's own names where they would mislead: they come from older character sets.
RENAMED: dict[str, str] = {
    "☕": "cup of coffee", "🍶": "sake bottle", "🐿": "squirrel", "🕊": "dove", "🐉": "dragon", "🏵": "rosette", "☘": "shamrock",
    "⛵": "sailing boat", "✈": "aeroplane", "👞": "brown shoe", "👔": "necktie and shirt", "🔫": "water pistol", "☎": "telephone", "⌚": "watch",
    "♟": "chess pawn", "🃏": "joker card", "✉": "envelope", "✏": "pencil", "✒": "black pen", "✂": "scissors", "💩": "pile of poo",
    "☃": "snowman with snow", "⛄": "snowman", "☀": "sun", "⭐": "yellow star", "☁": "cloud", "☂": "umbrella", "☔": "umbrella with rain drops",
    "⚡": "lightning bolt", "❄": "snowflake", "⛱": "beach umbrella", "🗻": "mount fuji", "⏰": "alarm clock", "⌛": "hourglass", "⏳": "hourglass with sand",
    "🍆": "aubergine", "🌶": "chilli pepper", "🏎": "racing car", "🏍": "motorcycle", "🛳": "passenger ship", "🥅": "goal net", "⛺": "tent",
    "⛪": "church", "⛲": "fountain", "⛽": "fuel pump", "⚓": "anchor", "⚽": "football", "⚾": "baseball", "👁": "eye", "✋": "hand", "✌": "victory hand",
    "✊": "fist", "🎽": "running shirt", "🗿": "stone head", "🎭": "theatre masks", "⚙": "gear wheel", "⛏": "pickaxe", "🖱": "computer mouse",
    "🎎": "japanese dolls", "🎏": "carp streamer", "🪫": "low battery", "🫠": "melting face", "🪩": "mirror ball", "🫘": "beans", "🪸": "coral",
    "🪷": "lotus", "🪹": "empty nest", "🪺": "nest with eggs", "🪬": "hamsa", "🩼": "crutch", "🧿": "nazar amulet",
}

N_DEMO = 48
HOLD_OUT_SEED = 2510
# How many instances a group gives to the demo: the groups that draw best at 64 pixels give three.
THREE_FROM = ("land animal", "vehicle", "building", "clothes", "household", "sport", "tool", "office")


@dataclass(frozen=True)
class Thing:
    char: str
    name: str
    group: str

    @property
    def key(self) -> str:
        return f"u{ord(self.char):x}"


def plain_name(char: str) -> str:
    """The thing's name in lower case, without the words that only describe the character."""
    if char in RENAMED:
        return RENAMED[char]
    words = unicodedata.name(char).lower().replace("-", " ").split()
    return " ".join(w for w in words if w not in ("symbol", "sign", "emoji"))


def all_things() -> list[Thing]:
    seen: dict[str, Thing] = {}
    for group, chars in GROUPS.items():
        for char in chars:
            if char not in seen and char != "\ufe0f":
                seen[char] = Thing(char, plain_name(char), group)
    return list(seen.values())


def lookalikes(thing: Thing) -> set[str]:
    return {c for row in LOOKALIKES if thing.char in row for c in row} | {thing.char}


def demo_things() -> list[Thing]:
    """The demo's instances: a fixed seed, spread over the groups, no two lookalikes of each other."""
    rng = random.Random(HOLD_OUT_SEED)
    things = all_things()
    chosen: list[Thing] = []
    for turn in range(3):
        for group in GROUPS:
            if turn == 2 and group not in THREE_FROM or len(chosen) == N_DEMO:
                continue
            taken = {c for t in chosen for c in lookalikes(t)}
            free = [t for t in things if t.group == group and t.char not in taken]
            # A group that would lose most of its training things to the hold-out gives no second one.
            if free and (turn == 0 or len(free) >= 6):
                chosen.append(rng.choice(free))
    return sorted(chosen, key=lambda t: ord(t.char))


def held_out() -> set[str]:
    """Characters that never appear in a training picture: the instances and their lookalikes."""
    return {c for t in demo_things() for c in lookalikes(t)}


def training_things() -> list[Thing]:
    out = held_out()
    return [t for t in all_things() if t.char not in out]


def siblings(thing: Thing, rng: random.Random, count: int) -> list[Thing]:
    """Similar things for hard negatives: at most two lookalikes first, then others of the group."""
    group = [t for t in all_things() if t.group == thing.group and t.char != thing.char]
    near = [t for t in group if t.char in lookalikes(thing)]
    rest = [t for t in group if t not in near]
    rng.shuffle(near)
    rng.shuffle(rest)
    return (near[:2] + rest + near[2:])[:count]
