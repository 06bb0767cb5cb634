"""What can be done to a picture, and how captions say it.

A condition has up to four hooks, so that each applies to any thing:
scene (what is behind), restyle (what the thing is made of), place (where it is put), finish (the
whole picture, afterwards).
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

import finishes as f
import places as p
from scenes import Box, Rng, Size

Scene = Callable[[Rng, Size], Image.Image]
Restyle = Callable[[Rng, Image.Image], Image.Image]
Place = Callable[[Rng, Image.Image, Image.Image], Box]
Finish = Callable[[Rng, Image.Image, Box], Image.Image]


@dataclass(frozen=True)
class Condition:
    name: str
    phrases: tuple[str, ...]
    scene: Scene | None = None
    restyle: Restyle | None = None
    place: Place | None = None
    finish: Finish | None = None
    colourless: bool = False  # the thing's own colours cannot be seen


CONDITIONS: tuple[Condition, ...] = (
    Condition("night", ("at night", "in the dark under the stars", "by night", "under a starry night sky"), finish=f.night),
    Condition("snow", ("in the snow", "in falling snow", "on a snowy winter day", "covered in snow in winter"), scene=p.snow_field, finish=f.snow),
    Condition("rain", ("in the rain", "behind heavy rain", "on a rainy day", "in pouring rain"), finish=f.rain),
    Condition("fog", ("in thick fog", "in the mist", "on a foggy morning", "hidden in haze"), finish=f.fog),
    Condition("sunset", ("at sunset", "against the setting sun", "in the evening glow", "at dusk with an orange sky"), scene=p.sunset_sky, finish=f.sunset),
    Condition("underwater", ("underwater", "under the sea", "below the surface with bubbles", "sunk in deep water"), finish=f.underwater),
    Condition("forest", ("in a forest", "among trees", "in the woods", "between tree trunks"), scene=p.forest, finish=f.undergrowth),
    Condition("desert", ("in the desert", "on sand dunes", "in hot dry sand", "beside a cactus in the desert"), scene=p.desert),
    Condition("space", ("in space", "floating in outer space", "among stars and planets", "in orbit"), scene=p.space),
    Condition("city", ("in a city street", "in front of tall buildings", "downtown on the road", "in town between houses"), scene=p.city),
    Condition("table", ("on a table", "on a wooden table", "standing on a table top", "on a kitchen table"), scene=p.table, place=p.on_table),
    Condition("framed", ("framed on a wall", "in a picture frame", "as a painting in a frame", "hanging in a gallery"), place=p.framed),
    Condition("tshirt", ("printed on a t-shirt", "on a t-shirt", "on a shirt", "as a print on clothing"), place=p.on_shirt),
    Condition("billboard", ("on a billboard", "on a large advertising sign", "as an outdoor advert", "on a poster by the road"), scene=p.roadside, place=p.on_billboard),
    Condition("stamp", ("on a postage stamp", "as a stamp", "on a stamp with a jagged edge", "printed on a stamp"), place=p.on_stamp),
    Condition("screen", ("on an old television", "on a tv screen", "shown on television", "on a screen with scan lines"), place=p.on_screen),
    Condition("sketch", ("as a pencil sketch", "drawn in pencil", "as a drawing on paper", "a hand-drawn sketch"), finish=f.sketch, colourless=True),
    Condition("sepia", ("in sepia", "as an old sepia photograph", "in brown faded tones", "as a vintage photo"), finish=f.sepia, colourless=True),
    Condition("grey", ("in black and white", "as a black and white photo", "in greyscale", "without any colour"), finish=f.grey, colourless=True),
    Condition("neon", ("as a neon sign", "in neon lights", "made of glowing neon tubes", "as a glowing sign"), scene=p.dark_wall, restyle=f.neon_tubes, finish=f.glow, colourless=True),
    Condition("pixels", ("as pixel art", "in large pixels", "like an old video game", "pixelated"), finish=f.pixels),
    Condition("stone", ("as a stone carving", "carved in stone", "as a stone relief", "made of stone"), scene=p.stone_wall, restyle=f.carved, colourless=True),
    Condition("blueprint", ("as a blueprint", "as a technical drawing", "in white lines on blue", "on blueprint paper"), finish=f.blueprint, colourless=True),
    Condition("thermal", ("in thermal vision", "as a heat map", "seen by an infrared camera", "in false colours"), finish=f.thermal, colourless=True),
    Condition("comic", ("as a comic", "in comic book style", "with comic speed lines", "in a cartoon panel"), scene=p.speed_lines, finish=f.comic),
    Condition("mosaic", ("as a mosaic", "made of small tiles", "in mosaic tiles", "as a tiled picture"), finish=f.mosaic),
    Condition("fire", ("on fire", "in flames", "burning", "surrounded by fire"), finish=f.flames),
    Condition("bars", ("behind bars", "in a cage", "behind a metal grid", "locked behind iron bars"), finish=f.bars),
    Condition("glass", ("behind broken glass", "seen through a cracked window", "through shattered glass", "behind a broken window"), finish=f.cracks),
    Condition("upside", ("upside down", "turned on its head", "the wrong way up", "flipped upside down"), place=p.upside_down),
    Condition("two", ("two of them", "a pair side by side", "twice, next to each other", "two of the same"), place=p.two),
    Condition("many", ("many of them", "a whole crowd of them", "a large group of them", "lots of them in rows"), place=p.many),
    Condition("small", ("small in a wide landscape", "seen from far away", "tiny, in front of mountains", "in the distance"), scene=p.mountains, place=p.far_away),
    Condition("mirror", ("reflected in a lake", "mirrored in calm water", "with its reflection in the water", "beside a lake"), scene=p.lake, place=p.by_the_lake, finish=f.reflection),
    Condition("blurred", ("out of focus", "blurred", "as a blurry photo", "in a shaky blurred shot"), finish=f.blurred),
)

BY_NAME: dict[str, Condition] = {c.name: c for c in CONDITIONS}


def plain() -> Condition:
    """No condition: an ordinary photo."""
    return Condition("plain", ("an ordinary photo", "a plain photo", "in an ordinary scene"))
