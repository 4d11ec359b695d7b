"""What others report on FER-2013, with its source and how they chose: to hold our figures against.

"Chosen by" says which images decided on the epoch that is reported, as far as the source shows:
an epoch chosen on the images that it is then measured on overstates itself. All are right by
FER-2013's own label.
"""

from dataclasses import dataclass

VALIDATION = "validation"
"""The official PublicTest."""
TEST = "test"
"""The official PrivateTest."""
UNKNOWN = "not stated"


@dataclass(frozen=True)
class Reference:
    """A figure that is not this project's."""

    name: str
    init: str
    split: str
    """The images it was measured on."""
    accuracy: float
    chosen_by: str
    note: str
    source: str | None
    """An address; the study that this project grew out of has none."""
    code: str | None = None
    """The address of the code, where it is another one."""
    reproducible: bool = True
    """Whether the source says enough to do it again."""

    @property
    def remark(self) -> str:
        """What to know before one believes the figure."""
        remarks = [self.note] if self.note else []
        if not self.reproducible:
            remarks.append("cannot be reproduced from what is published")
        elif self.chosen_by == UNKNOWN:
            remarks.append("cannot be reproduced: how its epoch was chosen is not stated")
        elif self.chosen_by == self.split:
            remarks.append("overstated: its epoch was chosen on the images it is measured on")
        return "; ".join(remarks)


_STUDY = "by the study that this project grew out of"
_RMN = "https://github.com/phamquiluan/ResidualMaskingNetwork"

STUDY = tuple(
    Reference(name, init, VALIDATION, accuracy, VALIDATION, note, None)
    for name, init, accuracy, note in (
        ("CNN", "scratch", 0.5688, _STUDY),
        ("ResNet-50", "imagenet", 0.6013, f"{_STUDY}, also given as 60.43%"),
        ("EfficientNetV2-L, frozen", "imagenet", 0.5400, _STUDY),
        ("EfficientNetV2-L, last 20 layers", "imagenet", 0.6488, _STUDY),
        ("EfficientNetV2-L, last 45 layers", "imagenet", 0.6622, _STUDY),
    )
)
"""The study's five results; its figures are on the images it chose by."""

PUBLISHED = (
    Reference(
        "VGG, ten-crop (Khaireddin & Chen 2021)",
        "scratch",
        TEST,
        0.7328,
        TEST,
        "the published code validates on PrivateTest",
        "https://arxiv.org/abs/2105.03588",
        "https://github.com/usef-kh/fer",
    ),
    Reference(
        "ResNet-18, ten-crop (Yuan 2021)",
        "scratch",
        TEST,
        0.7370,
        TEST,
        "the published code validates on PrivateTest",
        "https://github.com/LetheSec/Fer2013-Facial-Emotion-Recognition-Pytorch",
    ),
    Reference(
        "VGG-19, ten-crop (Wu)",
        "scratch",
        TEST,
        0.73112,
        TEST,
        "keeps the epoch that is best on PrivateTest",
        "https://github.com/WuJie1010/Facial-Expression-Recognition.Pytorch",
    ),
    Reference(
        "VGG, ten-crop (Mohammadi)",
        "scratch",
        TEST,
        0.720814,
        VALIDATION,
        "0.7088 on validation",
        "https://github.com/pooya-mohammadi/FER",
    ),
    Reference(
        "VGG (Pramerdorfer & Kampel 2016)",
        "scratch",
        TEST,
        0.727,
        UNKNOWN,
        "",
        "https://arxiv.org/abs/1612.02903",
    ),
    Reference(
        "Ensemble of eight (Pramerdorfer & Kampel 2016)",
        "scratch",
        TEST,
        0.752,
        UNKNOWN,
        "",
        "https://arxiv.org/abs/1612.02903",
    ),
    Reference("ResMaskingNet (Pham & Tran 2020)", "imagenet", TEST, 0.7414, VALIDATION, "", _RMN),
    Reference(
        "ResMaskingNet and six more (Pham & Tran 2020)",
        "imagenet",
        TEST,
        0.7682,
        VALIDATION,
        "each member by validation; how the seven were picked is not stated",
        _RMN,
        reproducible=False,
    ),
    Reference(
        "ViT, 86 M weights (trpakov)",
        "imagenet",
        TEST,
        0.7116,
        UNKNOWN,
        "as its card on the Hugging Face Hub states",
        "https://huggingface.co/trpakov/vit-face-expression",
    ),
)

HUMAN_ACCURACY = 0.65
HUMAN_SPREAD = 0.05
HUMAN = Reference(
    "People",
    "",
    "a sample",
    HUMAN_ACCURACY,
    "nobody",
    "65 ± 5% (Goodfellow et al. 2013)",
    "https://arxiv.org/abs/1307.0414",
)

REFERENCES = (*STUDY, *PUBLISHED, HUMAN)
