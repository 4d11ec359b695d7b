"""Faces that are drawn, where the one in the public domain shows too little."""

from PIL import Image, ImageDraw, ImageFilter


def drawn(mouth: int, brows: int = 0, opened: bool = False, eyes: int = 52) -> Image.Image:
    """Return a drawn face.

    Args:
        mouth: how far it curves up, or how far it is open.
        brows: how far their inner ends are raised.
        opened: whether the mouth is.
        eyes: how far they are open.
    """
    picture = Image.new("RGB", (800, 800), "#d6c9ba")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((90, -60, 710, 500), fill="#463228")  # hair
    draw.ellipse((130, 30, 670, 790), fill="#e2b291")
    for side in (-1, 1):
        x, pupil = 400 + side * 120, min(eyes, 28)
        draw.ellipse((x - 62, 330 - eyes, x + 62, 330 + eyes), fill="white")
        draw.ellipse((x - 28, 330 - pupil, x + 28, 330 + pupil), fill="#32231e")
        ends = (x - 75, 245 - side * brows, x + 75, 245 + side * brows)
        draw.line(ends, fill="#3c281e", width=24)
    draw.line((400, 340, 370, 470, 410, 480), fill="#aa785f", width=12)  # nose
    if opened:
        draw.ellipse((400 - 0.7 * mouth, 600 - mouth, 400 + 0.7 * mouth, 600 + mouth), "#5a1e1e")
    elif mouth > 0:
        draw.chord((260, 590 - mouth, 540, 590 + mouth), 0, 180, "white", "#8c3232", width=16)
    else:
        draw.arc((270, 590, 530, 590 - 2 * mouth), 180, 360, fill="#8c3232", width=22)
    return picture.filter(ImageFilter.GaussianBlur(5)).resize((200, 200))
