"""The boxes of an opened photo, which are pressed to show their faces."""

from collections.abc import Callable, Sequence

import streamlit as st

from fer.faces.boxes import Box

BOXES = st.components.v2.component(
    "face-boxes",
    html='<div class="boxes"></div>',
    css="""
button {
  position: absolute;
  padding: 0;
  border: 0;
  background: none;
  cursor: pointer;
  pointer-events: auto;
}
button:focus-visible {
  outline: 3px solid #5b7bea;
  outline-offset: 3px;
}
""",
    js="""
export default function ({ data, parentElement, setTriggerValue }) {
  const boxes = parentElement.querySelector(".boxes");
  // Buttons that are there stay: one of them may have the focus.
  while (boxes.children.length > data.length) boxes.lastChild.remove();
  while (boxes.children.length < data.length) {
    const button = document.createElement("button");
    button.type = "button";
    boxes.append(button);
  }
  data.forEach(({ said, chosen, left, top, width, height }, at) => {
    const button = boxes.children[at];
    button.ariaLabel = button.title = said;
    button.ariaPressed = String(chosen);
    Object.assign(button.style, { left, top, width, height });
    button.onclick = () => setTriggerValue("face", at + 1);
  });
}
""",
)


def show_boxes(
    faces: Sequence[tuple[Box, str]], chosen: int, choose: Callable[[int], None]
) -> None:
    """Lay buttons over the photo in the same container, which has the key `photo`.

    Args:
        faces: where each is, in shares of the photo's width and height, and what is said of it.
        chosen: the number of the one that is shown in full.
        choose: is told the number of the one that is pressed, from 1.
    """

    def take() -> None:
        number = st.session_state.boxes.face
        if isinstance(number, int) and 1 <= number <= len(faces):  # a browser may send anything
            choose(number)

    BOXES(
        key="boxes",
        data=[
            {
                "said": said,
                "chosen": number == chosen,
                "left": f"{box.x1:.2%}",
                "top": f"{box.y1:.2%}",
                "width": f"{box.width:.2%}",
                "height": f"{box.height:.2%}",
            }
            for number, (box, said) in enumerate(faces, start=1)
        ],
        on_face_change=take,
    )
