#!/usr/bin/env python3
"""How fast other programs turn pictures and a query's texts into features, and cir beside them, in one table.

Run by hand in a virtual environment (README.md): torch, transformers, onnx, onnxscript, onnxruntime, openvino, nncf;
a peer whose package is absent is left out. All have the same shapes and random weights, two threads, and their own
best settings: inference mode, graph optimisation, weights packed once, waiting threads that sleep (OMP_WAIT_POLICY=passive
made some of them 1.5 to 3 times as fast on two cores). Every measurement is a process of its own, one after another.

  pictures  a batch of tensors through the image tower
  texts     200 texts of a contextualised query, 7 to 9 tokens each, through the text tower: padded to 9, which is
            the least that a batch can do, and to 77, as these models' own code does

int8 is: torch's dynamic quantisation; ONNX Runtime's, a scale for each output channel; OpenVINO's static one by nncf.
bf16 where a peer has it on this processor. The best of the repeats counts. What is slow to make (ONNX files, quantised
models: minutes) is kept in build/peers; --prepare makes it and measures nothing.

  encode.py [--shape vit_l14|vit_b32]... [--precision f32|bf16|int8]... [--peer NAME]... [--batch N] [--repeats R]
            [--what pictures|texts]... [--prepare] [--json FILE]
"""
import argparse
import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
KEPT = ROOT / "build" / "peers"
SHAPES = {
    "vit_l14": dict(projection_dim=768,
                    vision_config=dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=24,
                                       num_attention_heads=16, patch_size=14, projection_dim=768),
                    text_config=dict(hidden_size=768, intermediate_size=3072, num_attention_heads=12,
                                     projection_dim=768)),
    "vit_b32": dict(projection_dim=512),
}
N_TEXTS, SHORT, LONG = 200, 9, 77
THREADS = 2


def make_towers(shape: str):
    """The two towers as modules: tensors or ids to features."""
    import torch
    from transformers import CLIPConfig, CLIPTextModelWithProjection, CLIPVisionModelWithProjection

    class Tower(torch.nn.Module):
        def __init__(self, tower, key):
            super().__init__()
            self.tower, self.key = tower, key

        def forward(self, x):
            features = self.tower(x)[0]
            return features / features.norm(dim=-1, keepdim=True)

    torch.manual_seed(1)
    config = CLIPConfig(**SHAPES[shape])
    config.text_config.projection_dim = config.vision_config.projection_dim = config.projection_dim
    return {"pictures": Tower(CLIPVisionModelWithProjection(config.vision_config).eval(), "pixel_values"),
            "texts": Tower(CLIPTextModelWithProjection(config.text_config).eval(), "input_ids")}


def make_input(what: str, batch: int, length: int):
    import numpy as np

    random = np.random.default_rng(1)
    if what == "pictures":
        return random.standard_normal((batch, 3, 224, 224), dtype=np.float32)
    ids = random.integers(1, 49000, (N_TEXTS, length))
    for i in range(N_TEXTS):
        ids[i, 6 + i % 3:] = 49407
    return ids


def onnx_file(shape: str, what: str, precision: str = "f32") -> pathlib.Path:
    """A tower as an ONNX file, made where it is not there yet."""
    import torch

    path = KEPT / f"{shape}_{what}_{precision}.onnx"
    if path.exists():
        return path
    KEPT.mkdir(parents=True, exist_ok=True)
    if precision == "int8":
        from onnxruntime.quantization import QuantType, quantize_dynamic
        quantize_dynamic(onnx_file(shape, what), path, per_channel=True, weight_type=QuantType.QInt8,
                         op_types_to_quantize=["MatMul", "Gemm"], extra_options={"MatMulConstBOnly": True})
        return path
    example = torch.from_numpy(make_input(what, 2, SHORT))[:2]
    axes = {"x": {0: "batch"}} if what == "pictures" else {"x": {0: "batch", 1: "length"}}
    with torch.inference_mode():
        torch.onnx.export(make_towers(shape)[what], (example,), path, input_names=["x"], output_names=["features"],
                          dynamic_axes=axes, opset_version=17, dynamo=False)
    return path


def openvino_file(shape: str, what: str, precision: str) -> pathlib.Path:
    if precision != "int8":
        return onnx_file(shape, what)
    path = KEPT / f"{shape}_{what}_int8.xml"
    if path.exists():
        return path
    import nncf
    import openvino

    batches = [make_input(what, 1, SHORT)[:1] for _ in range(4)]
    model = nncf.quantize(openvino.Core().read_model(onnx_file(shape, what)), nncf.Dataset(batches),
                          model_type=nncf.ModelType.TRANSFORMER, subset_size=len(batches))
    openvino.save_model(model, path, compress_to_fp16=False)
    return path


def torch_runner(shape: str, what: str, precision: str, compiled: bool):
    import torch

    torch.set_num_threads(THREADS)
    tower = make_towers(shape)[what]
    if precision == "bf16":
        tower = tower.to(torch.bfloat16)
    if precision == "int8":
        tower = torch.ao.quantization.quantize_dynamic(tower, {torch.nn.Linear}, dtype=torch.qint8)
    if compiled:
        import torch._inductor.config
        torch._inductor.config.freezing = True  # packs the weights
        tower = torch.compile(tower)

    def run(array):
        with torch.inference_mode():
            x = torch.from_numpy(array)
            return tower(x.to(torch.bfloat16) if precision == "bf16" and what == "pictures" else x).float().numpy()
    return run


def onnxruntime_runner(shape: str, what: str, precision: str):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(str(onnx_file(shape, what, precision)), options,
                                           providers=["CPUExecutionProvider"])
    return lambda array: session.run(None, {"x": array})[0]


def openvino_runner(shape: str, what: str, precision: str):
    import openvino

    core = openvino.Core()
    model = core.read_model(openvino_file(shape, what, precision))
    hints = {"INFERENCE_NUM_THREADS": THREADS, "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1,
             "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32"}
    compiled = {}

    def run(array):
        if array.shape not in compiled:  # a fixed shape lets it choose its kernels
            fixed = model.clone()
            fixed.reshape(list(array.shape))
            compiled[array.shape] = core.compile_model(fixed, "CPU", hints)
        return compiled[array.shape](array)[0]
    return run


PEERS = {
    "torch": (["torch", "transformers"], ["f32", "bf16", "int8"], lambda *a: torch_runner(*a, compiled=False)),
    "torch.compile": (["torch", "transformers"], ["f32", "bf16"], lambda *a: torch_runner(*a, compiled=True)),
    "onnxruntime": (["onnxruntime"], ["f32", "int8"], onnxruntime_runner),
    "openvino": (["openvino"], ["f32", "bf16", "int8"], openvino_runner),
}


def measure_peer(options) -> dict:
    """In a process of its own: one peer, shape and precision."""
    peer, shape, precision = options.one
    line = {"version": importlib.metadata.version(PEERS[peer][0][0])}
    for what in options.what:
        run = PEERS[peer][2](shape, what, precision)
        for length in [0] if what == "pictures" else [SHORT, LONG]:
            array = make_input(what, options.batch, length)
            if length != LONG or peer in ("openvino", "torch.compile"):
                run(array)  # packs, compiles, warms up; for the longer texts the shorter ones have
            best = 1e9
            for _ in range(options.repeats if length != LONG else 1):
                start = time.perf_counter()
                run(array)
                best = min(best, time.perf_counter() - start)
            if what == "pictures":
                line["images_per_s"] = options.batch / best
            else:
                line["texts_ms" if length == SHORT else "texts_77_ms"] = best * 1e3
    return line


def measure_cir(shape: str, precision: str, options) -> dict:
    with tempfile.NamedTemporaryFile("r") as file:
        subprocess.run([ROOT / "build/bench/bench_encode", "--shape", shape, "--precision", precision, "--images",
                        str(options.batch), "--texts", str(N_TEXTS if "texts" in options.what else 2), "--repeats", str(options.repeats), "--threads",
                        str(THREADS), "--json", file.name], check=True, stdout=subprocess.DEVNULL)
        line = json.loads(file.readlines()[-1])
    told = {"images_per_s": line["images_per_s"], "onednn_gops": line["image_onednn_gops"]}
    if "texts" in options.what:
        told |= {"texts_ms": line["context_ms"], "texts_first_ms": line["context_first_ms"]}
    return told


def environment() -> dict:
    kept = {key: value for key, value in os.environ.items() if key not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    return kept | {"OMP_NUM_THREADS": str(THREADS), "OMP_WAIT_POLICY": "passive"}


def start_peer(peer: str, shape: str, precision: str, options) -> dict | None:
    command = [sys.executable, __file__, "--one", peer, shape, precision, "--batch", str(options.batch), "--repeats",
               str(options.repeats), *sum((["--what", what] for what in options.what), [])]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason told"])[-1]
        print(f"encode.py: {peer} {shape} {precision} left out: {reason[:200]}", file=sys.stderr)
        return None
    return json.loads(done.stdout.splitlines()[-1])


def tell(peer: str, shape: str, precision: str, options, line: dict) -> None:
    def cell(key, form):
        return format(line[key], form) if key in line else "–"
    print(f"{shape:8}  {precision:5}  {peer + ' ' + line.get('version', ''):22}  {cell('images_per_s', '.2f'):>9}  "
          f"{cell('texts_ms', '.0f'):>9}  {cell('texts_77_ms', '.0f'):>9}", flush=True)
    if options.json:
        with open(options.json, "a") as file:
            file.write(json.dumps({"bench": "peers_encode", "peer": peer, "shape": shape, "precision": precision,
                                   "batch": options.batch, "threads": THREADS, **line}) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", action="append", choices=SHAPES)
    parser.add_argument("--precision", action="append", choices=["f32", "bf16", "int8"])
    parser.add_argument("--peer", action="append", choices=["cir", *PEERS])
    parser.add_argument("--what", action="append", choices=["pictures", "texts"])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--prepare", action="store_true")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.what = options.what or ["pictures", "texts"]
    if options.one:
        print(json.dumps(measure_peer(options)))
        return
    shapes, precisions = options.shape or list(SHAPES), options.precision or ["f32", "bf16", "int8"]
    if options.prepare:
        for shape in shapes:
            for what in options.what:
                for precision in ["f32", "int8"]:
                    onnx_file(shape, what, precision)
                    openvino_file(shape, what, precision)
        return
    print(f"{THREADS} threads, {options.batch} pictures at once, {N_TEXTS} texts; best of {options.repeats}")
    print(f"{'shape':8}  {'':5}  {'':22}  {'images/s':>9}  {'texts ms':>9}  {'at 77 ms':>9}")
    for shape in shapes:
        for precision in precisions:
            for peer in options.peer or ["cir", *PEERS]:
                if peer == "cir":
                    try:
                        tell(peer, shape, precision, options, measure_cir(shape, precision, options))
                    except (subprocess.CalledProcessError, FileNotFoundError) as error:
                        print(f"encode.py: cir {shape} {precision} left out: {error}", file=sys.stderr)
                elif precision in PEERS[peer][1]:
                    line = start_peer(peer, shape, precision, options)
                    if line:
                        tell(peer, shape, precision, options, line)


main()
