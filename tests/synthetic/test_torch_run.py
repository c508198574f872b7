"""A training tells how far it is, keeps what it has, and goes on from there."""

import numpy as np
import pytest
import torch

from assistant.synthetic.recipes.torch_run import adamw, finish


class Counting:
    """A training whose figures are the number of the step; it can be told to break off."""

    def __init__(self, total, fails_at=None):
        self.step, self.total, self.fails_at = 0, total, fails_at
        self.device = torch.device("cpu")

    def take_step(self):
        self.step += 1
        if self.step == self.fails_at:
            raise KeyboardInterrupt
        return np.array([float(self.step), 1.0])

    def state(self):
        return {"step": self.step}

    def load_state(self, state):
        self.step = state["step"]


def test_a_line_tells_the_mean_of_the_steps_since_the_last_one(tmp_path):
    lines = []
    finish(Counting(25), tmp_path / "work" / "run.pt", "actions", ("loss", "accuracy"), 10, lines.append)
    assert [line.split(" loss ")[0] for line in lines] == [f"actions: step {step}/25" for step in (10, 20, 25)]
    assert "loss 5.5000 accuracy 1.0000" in lines[0]
    assert "loss 15.5000" in lines[1]
    assert "loss 23.0000" in lines[2]


def test_a_training_that_was_broken_off_goes_on_from_its_last_checkpoint(tmp_path):
    lines = []
    with pytest.raises(KeyboardInterrupt):
        finish(Counting(30, fails_at=17), tmp_path / "run.pt", "actions", ("loss", "one"), 5, lines.append)
    run = Counting(30)
    finish(run, tmp_path / "run.pt", "actions", ("loss", "one"), 5, lines.append)
    assert "actions: going on from step 15" in lines
    assert run.step == 30


def test_a_training_that_is_done_takes_no_step(tmp_path):
    finish(Counting(4), tmp_path / "run.pt", "actions", ("loss", "one"), 5, lambda _: None)
    again, lines = Counting(4, fails_at=1), []
    finish(again, tmp_path / "run.pt", "actions", ("loss", "one"), 5, lines.append)
    assert lines == ["actions: going on from step 4"]


def test_matrices_decay_and_biases_do_not():
    layer = torch.nn.Linear(3, 2)
    groups = adamw(list(layer.parameters()), 0.1).param_groups
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert decay[id(layer.weight)] > 0
    assert decay[id(layer.bias)] == 0
