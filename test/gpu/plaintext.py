# SPDX-License-Identifier: Apache-2.0
"""Plain forward passes of PyTorch on the GPU that test/gpu/run.sh measures: fp32 and fp16, untrained weights, medians of 20."""
import statistics

import torch
import torchvision.models as models

NETWORKS = {"vgg16_cifar": (models.vgg16, 32, (1, 8, 64)), "resnet18_imagenet": (models.resnet18, 224, (1, 8, 32)),
            "resnet50_imagenet": (models.resnet50, 224, (1, 4, 16))}


def median_ms(network, images):
    """Median of 20 forward passes after 5 that do not count, by device events."""
    times = []
    with torch.inference_mode():
        for run in range(25):
            start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            network(images)
            stop.record()
            torch.cuda.synchronize()
            if run >= 5:
                times.append(start.elapsed_time(stop))
    return statistics.median(times)


for name, (make, size, batches) in NETWORKS.items():
    for kind, word in (("fp32", torch.float32), ("fp16", torch.float16)):
        network = make().eval().cuda().to(word)
        for batch in batches:
            ms = median_ms(network, torch.randn(batch, 3, size, size, device="cuda", dtype=word))
            print(f"{name:18} {kind} batch {batch:4}: {ms:9.3f} ms, {ms / batch:9.4f} ms an image", flush=True)
