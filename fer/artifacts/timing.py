"""How long a model takes on this machine: the one thing the dashboard loads weights for."""

from statistics import median
from time import perf_counter

import torch

from fer.artifacts.store import Artifact
from fer.faces.preprocessing import FACE_SIZE
from fer.networks import answer

WARM_UP = 3
RUNS = 20


@torch.inference_mode()
def milliseconds_a_face(artifact: Artifact) -> float:
    """Classify one face crop at a time on the CPU; return the median time in milliseconds.

    Preprocessing is in it, detection is not.

    Raises:
        UnknownModel: if the model's weights are missing or damaged.
    """
    network = artifact.load_network()
    face = torch.zeros(1, 1, FACE_SIZE, FACE_SIZE, dtype=torch.uint8)
    times = []
    for _ in range(WARM_UP + RUNS):
        start = perf_counter()
        answer(network, artifact.config.preprocessing, face).softmax(1)
        times.append(1000 * (perf_counter() - start))
    return median(times[WARM_UP:])
