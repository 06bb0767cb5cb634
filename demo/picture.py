"""One picture: a thing, a scene, a condition."""
from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from conditions import Condition
from places import standing
from scenes import Rng, Size, glyph, paste, plain_scene, scaled, varied

# Mixed shapes, as photos have them; all larger than the encoder's 64 pixels.
SIZES: tuple[Size, ...] = ((128, 128), (128, 128), (144, 108), (108, 144), (136, 112), (120, 120))


def draw_picture(rng: Rng, sprite: Image.Image, condition: Condition, bystanders: Sequence[str] = ()) -> Image.Image:
    """Draws `sprite` under `condition`; now and then small other things stand in the background."""
    size = SIZES[int(rng.integers(len(SIZES)))]
    image = (condition.scene or plain_scene)(rng, size)
    # A condition that changes what the thing is made of would show the bystanders unchanged.
    if bystanders and not condition.restyle and rng.random() < 0.25:
        for _ in range(int(rng.integers(1, 4))):
            other = glyph(bystanders[int(rng.integers(len(bystanders)))])
            side = min(size) * rng.uniform(0.1, 0.18)
            paste(image, scaled(other, side), size[0] * rng.uniform(0.05, 0.95), size[1] * rng.uniform(0.55, 0.9))
    thing = varied(rng, sprite)
    if condition.restyle:
        thing = condition.restyle(rng, thing)
    box = (condition.place or standing)(rng, image, thing)
    return condition.finish(rng, image, box) if condition.finish else image
