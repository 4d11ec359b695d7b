"""What others report on FER-2013, with its source and how they chose: to hold our figures against.

"Chosen by" says which images decided on the epoch that is reported, as far as the source shows:
an epoch chosen on the test images (the official PrivateTest) overstates itself.
"""

from dataclasses import dataclass

VALIDATION = "validation"
TEST = "the test images"
UNKNOWN = "not stated"


@dataclass(frozen=True)
class Reference:
    """A figure that is not this project's."""

    name: str
    init: str
    split: str
    """`validation` (PublicTest) or `test` (PrivateTest)."""
    accuracy: float
    chosen_by: str
    note: str
    source: str
    """An address, or the work's name."""


_STUDY = "the study this project grew out of"
_RMN = "https://github.com/phamquiluan/ResidualMaskingNetwork"

STUDY = (
    Reference("CNN", "scratch", VALIDATION, 0.5688, VALIDATION, "", _STUDY),
    Reference(
        "ResNet-50", "imagenet", VALIDATION, 0.6013, VALIDATION, "also given as 60.43%", _STUDY
    ),
    Reference("EfficientNetV2-L, frozen", "imagenet", VALIDATION, 0.5400, VALIDATION, "", _STUDY),
    Reference(
        "EfficientNetV2-L, last 20 layers", "imagenet", VALIDATION, 0.6488, VALIDATION, "", _STUDY
    ),
    Reference(
        "EfficientNetV2-L, last 45 layers", "imagenet", VALIDATION, 0.6622, VALIDATION, "", _STUDY
    ),
)
"""The study's five results; its figures are on the images it chose by."""

PUBLISHED = (
    Reference(
        "VGG, ten-crop (Khaireddin & Chen 2021)",
        "scratch",
        "test",
        0.7328,
        TEST,
        "the published code validates on PrivateTest",
        "https://arxiv.org/abs/2105.03588, https://github.com/usef-kh/fer",
    ),
    Reference(
        "ResNet-18, ten-crop (Yuan 2021)",
        "scratch",
        "test",
        0.7370,
        TEST,
        "the published code validates on PrivateTest",
        "https://github.com/LetheSec/Fer2013-Facial-Emotion-Recognition-Pytorch",
    ),
    Reference(
        "VGG-19, ten-crop (Wu)",
        "scratch",
        "test",
        0.73112,
        TEST,
        "keeps the epoch that is best on PrivateTest",
        "https://github.com/WuJie1010/Facial-Expression-Recognition.Pytorch",
    ),
    Reference(
        "VGG, ten-crop (Mohammadi)",
        "scratch",
        "test",
        0.720814,
        VALIDATION,
        "0.7088 on validation",
        "https://github.com/pooya-mohammadi/FER",
    ),
    Reference(
        "VGG (Pramerdorfer & Kampel 2016)",
        "scratch",
        "test",
        0.727,
        UNKNOWN,
        "",
        "https://arxiv.org/abs/1612.02903",
    ),
    Reference(
        "Ensemble of eight (Pramerdorfer & Kampel 2016)",
        "scratch",
        "test",
        0.752,
        UNKNOWN,
        "",
        "https://arxiv.org/abs/1612.02903",
    ),
    Reference("ResMaskingNet (Pham & Tran 2020)", "imagenet", "test", 0.7414, VALIDATION, "", _RMN),
    Reference(
        "ResMaskingNet and six more (Pham & Tran 2020)",
        "imagenet",
        "test",
        0.7682,
        VALIDATION,
        "each member by validation; how the seven were picked is not stated",
        _RMN,
    ),
)

HUMAN_ACCURACY = 0.65
HUMAN_SPREAD = 0.05
HUMAN = Reference(
    "People",
    "",
    "a sample",
    HUMAN_ACCURACY,
    "",
    "65 ± 5%",
    "Goodfellow et al. 2013, https://arxiv.org/abs/1307.0414",
)

REFERENCES = (*STUDY, *PUBLISHED, HUMAN)
