"""Writes optimizer.json: AdamW, clipping and schedules as torch and transformers compute them.

    python optimizer.py        (torch 2.11, transformers 5)
"""

import json
import math
from pathlib import Path

import torch
import transformers
from transformers import get_scheduler

torch.manual_seed(0)


def adamw(lr, betas, eps, weight_decay, steps):
    matrix = torch.nn.Parameter(torch.randn(3, 2))
    vector = torch.nn.Parameter(torch.randn(4))
    start = [matrix.tolist(), vector.tolist()]
    groups = [
        {"params": [matrix], "weight_decay": weight_decay},
        {"params": [vector], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=lr, betas=betas, eps=eps, foreach=False)
    trace = []
    for step in range(steps):
        rate = lr * (step + 1) / steps
        for group in optimizer.param_groups:
            group["lr"] = rate
        matrix.grad = torch.randn(3, 2) * 10.0 ** (1 - step)
        vector.grad = torch.randn(4)
        gradients = [matrix.grad.tolist(), vector.grad.tolist()]
        optimizer.step()
        trace.append({"lr": rate, "gradients": gradients, "parameters": [matrix.tolist(), vector.tolist()]})
    return {
        "betas": betas, "eps": eps, "weight_decay": weight_decay, "start": start, "steps": trace,
    }


def clip(scale, max_norm):
    gradients = [torch.randn(3, 2) * scale, torch.randn(4) * scale]
    parameters = [torch.nn.Parameter(torch.zeros_like(g)) for g in gradients]
    for parameter, gradient in zip(parameters, gradients):
        parameter.grad = gradient.clone()
    norm = torch.nn.utils.clip_grad_norm_(parameters, max_norm)
    return {
        "max_norm": max_norm,
        "gradients": [g.tolist() for g in gradients],
        "norm": norm.item(),
        "clipped": [p.grad.tolist() for p in parameters],
    }


def schedule(name, total, ratio):
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    warmup = math.ceil(total * ratio)
    scheduler = get_scheduler(name, optimizer, num_warmup_steps=warmup, num_training_steps=total)
    factors = []
    for _ in range(total):
        factors.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return {"name": name, "total": total, "ratio": ratio, "factors": factors}


golden = {
    "torch": torch.__version__,
    "transformers": transformers.__version__,
    "adamw": [
        adamw(1e-2, (0.9, 0.999), 1e-8, 0.0, 5),
        adamw(3e-3, (0.9, 0.98), 1e-6, 0.05, 6),
    ],
    "clip": [clip(5.0, 1.0), clip(0.01, 1.0), clip(3.0, 0.3)],
    "schedules": [
        schedule(name, total, ratio)
        for name in ["cosine", "linear", "constant_with_warmup"]
        for total, ratio in [(1, 0.1), (10, 0.1), (23, 0.1), (40, 0.25), (17, 0.0)]
    ],
}
Path(__file__).with_suffix(".json").write_text(json.dumps(golden, indent=1) + "\n")
