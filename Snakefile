# The whole reproduction as one graph: a rule per notebook, plan -> shards -> accepted pairs for the poses, and
# plan -> shards for the rendered datasets, on which experiments are trained.
# `make reproduce` calls it. By hand: snakemake -c2 --config scale=tiny; on a cluster: --profile profiles/slurm.
import sys

from renderih_lib.notebooks import library_files
from renderih_lib.scales import DATASETS, STAND_INS, scale_by_name
from renderih_lib.train.experiments import EXPERIMENTS, FIGURE_12, FIGURE_13, OTHERS, planned, roles_of

SIZES = scale_by_name(config.setdefault("scale", "demo"))
SEED = int(config.setdefault("seed", 0))
DEVICE = config.setdefault("device", "cpu")  # of Cycles: cpu, cuda, optix, hip or metal
DATA_ROOT = config.setdefault("data_root", "") or ""
OUT_DIR = config.setdefault("out_dir", "runs")
SOURCES = config.setdefault("sources", "notebooks/src")
RESULTS = f"{OUT_DIR}/{SIZES.name}"
PYTHON = config.setdefault("python", sys.executable)  # on a cluster the controller may have another


def made_by(notebook, *products):
    """What a notebook leaves behind; executed.ipynb appears last, and only when every cell has finished."""
    return [f"{RESULTS}/{notebook}/{name}" for name in ("executed.ipynb", "provenance.json", "metrics.json", *products)]


def shards(dataset, count=None):
    """Done-markers of a dataset's shards, or of the first `count` of them."""
    count = count or SIZES.shards(dataset)
    return [f"{RESULTS}/datasets/{dataset}/shard-{shard:05d}.json" for shard in range(count)]


def runs(*names):
    """What all seeds of experiments leave behind that notebooks read, those that the scale leaves out excepted."""
    chosen = [run.name for run in planned(SIZES) if run.name in names]
    seeds = range(SEED, SEED + SIZES.experiment_seeds)
    return [f"{RESULTS}/experiments/{name}-{seed}/metrics.json" for name in chosen for seed in seeds]


def code(path):
    """A Python file, the library files that it imports and the shipped assets: a change in one redoes the rule."""
    assets = sorted(str(asset) for asset in Path("renderih_lib/assets").glob("*.*"))
    return [path, *(os.path.relpath(file) for file in library_files(path)), *assets]


POSES = f"{RESULTS}/poses"
PLANNED, RAW, ACCEPTED = (f"{POSES}/{name}.parquet" for name in ("plan", "raw", "poses"))
DISCRIMINATOR = f"{RESULTS}/06_natural_discriminator/discriminator.safetensors"
POSE_SHARDS = [f"{POSES}/shard-{shard:05d}.{kind}" for shard in range(SIZES.pose_shards) for kind in ("json", "parquet")]

SKINS = f"{RESULTS}/skins"
PLACES = f"{RESULTS}/environments"
PANORAMAS = [f"{PLACES}/{name}.exr" for name in SIZES.panoramas]

CURVES = [name for line in (FIGURE_12, *FIGURE_13.values()) for name in line.values()]

BLENDER = code("renderih_lib/render/blender/__main__.py")  # runs in a child process, so no import leads there

# Notebook -> what it reads besides its own code, what others read of it, cores, priority (higher starts first).
NOTEBOOKS = {
    "00_start_here": (["data_manifest.yaml"], [], 1, 0),
    "01_hand_model": ([], [], 1, 0),
    "02_pose_augmentation": ([], [], 1, 0),
    "03_loss_anti_penetration": ([PLANNED], [], 1, 0),
    "04_loss_attraction": ([PLANNED], [], 1, 0),
    "05_loss_anatomy": ([PLANNED], [], 1, 0),
    "06_natural_discriminator": ([PLANNED, RAW], ["discriminator.safetensors"], 1, 20),
    "07_pose_optimization": ([PLANNED, RAW, DISCRIMINATOR, *POSE_SHARDS], [], 1, 0),
    "08_textures_light_cameras": ([f"{SKINS}/skins.json", *PANORAMAS, *BLENDER], [], 1, 1),
    "09_cycles_rendering": (sum((shards(name, 1) for name in DATASETS), BLENDER), [], 1, 0),
    "10_distribution_analysis": (sum(map(shards, DATASETS), [RAW, ACCEPTED]), [], 1, 0),
    "11_transhand": ([], [], 1, 0),
    "12_training": (shards("studio-train") + shards("studio-test"), ["predictions.npz"], 1, 20),
    "13_metrics": (made_by("12_training", "predictions.npz"), [], 1, 0),
    "14_correlation_encoder": (runs("real", "real-no-lateral", "real-no-local", "real-no-smooth"), [], 1, 0),
    "15_mixing_real_and_synthetic": (runs("real", "mixed"), [], 1, 0),
    "16_how_much_data": (runs("synthetic", *CURVES), [], 1, 0),
    "17_state_of_the_art": (runs("real", "finetuned"), [], 1, 0),
    "18_generalization": (
        runs("real", *(f"{kind}-{other}" for other in OTHERS for kind in ("only", "with"))),
        [],
        1,
        0,
    ),
    "19_qualitative": (
        runs("real", "mixed", "synthetic", "finetuned") + made_by("12_training", "predictions.npz"),
        [],
        1,
        0,
    ),
}
EVERYTHING = sum(map(made_by, NOTEBOOKS), ["data_manifest.yaml", "renderih_lib/published.yaml", "renderih_lib/claims.yaml"])
NOTEBOOKS["99_report"] = (EVERYTHING, ["report.html"], 1, 0)


rule all:
    input:
        made_by("99_report", "report.html"),


# The rendered images that experiments learn from and are measured on, and no notebook.
rule datasets:
    input:
        sum(map(shards, STAND_INS.values()), []),


for notebook, (needs, products, cores, first) in NOTEBOOKS.items():

    rule:
        name:
            f"notebook_{notebook}"
        input:
            needs,
            code=code(f"{SOURCES}/{notebook}.py"),
        output:
            made_by(notebook, *products),
        params:
            seed=SEED,
            data_root=DATA_ROOT,
        threads: cores
        priority: first
        shell:
            "{PYTHON:q} -m renderih_lib.runner {input.code[0]:q} --scale {SIZES.name} --seed {params.seed}"
            " --out-dir {OUT_DIR:q} --data-root={params.data_root:q} --threads {threads}"


# Everything random about every pair of hands is decided here, once; the shards only optimise rows of the plan.
rule pose_plan:
    input:
        code("renderih_lib/pose/plan.py"),
    output:
        PLANNED,
        RAW,
    params:
        seed=SEED,
        data_root=DATA_ROOT,
    priority: 20
    shell:
        "{PYTHON:q} -m renderih_lib.pose.plan --scale {SIZES.name} --seed {params.seed}"
        " --data-root={params.data_root:q} --out {output[0]:q}"


# One core a shard: two cores work on two. The parquet file counts only with its shard-NNNNN.json.
rule pose_shard:
    input:
        code("renderih_lib/pose/worker.py"),
        plan=PLANNED,
        discriminator=DISCRIMINATOR,
    output:
        multiext(f"{POSES}/shard-{{shard}}", ".json", ".parquet"),
    wildcard_constraints:
        shard=r"\d{5}",
    params:
        number=lambda wildcards: int(wildcards.shard),
        batch=SIZES.optimise_batch,
    priority: 15
    shell:
        "{PYTHON:q} -m renderih_lib.pose.worker --plan {input.plan:q} --discriminator {input.discriminator:q}"
        " --shard {params.number} --out {POSES:q} --batch {params.batch} --threads {threads}"


# The valid pairs of all shards: what rendering reads.
rule poses:
    input:
        POSE_SHARDS,
        code("renderih_lib/pose/accept.py"),
        plan=PLANNED,
    output:
        ACCEPTED,
        f"{POSES}/reasons.csv",
    priority: 15
    shell:
        "{PYTHON:q} -m renderih_lib.pose.accept --plan {input.plan:q} --shards {POSES:q} --out {output[0]:q}"


# Every person's skin; notebook 08 shows how.
rule skins:
    input:
        code("renderih_lib/render/skin/baking.py"),
    output:
        f"{SKINS}/skins.json",
    params:
        seed=SEED,
    priority: 18
    shell:
        "{PYTHON:q} -m renderih_lib.render.skin.baking --count {SIZES.textures} --size {SIZES.texture_size}"
        " --seed {params.seed} --out {SKINS:q}"


# One place to stand in, path-traced once and kept; its name and the seed say all about it.
rule panorama:
    input:
        code("renderih_lib/render/panoramas.py"),
        code("renderih_lib/render/blender/places/panorama.py"),
    output:
        f"{PLACES}/{{name}}.exr",
    wildcard_constraints:
        name=r"(room|sky|dome)-\d{4}",
    params:
        seed=SEED,
    priority: 18
    shell:
        "{PYTHON:q} -m renderih_lib.render.panoramas --name {wildcards.name} --width {SIZES.panorama_width}"
        " --seed {params.seed} --out {PLACES:q} --threads {threads}"


# Raw poses stand in for a capture studio's, augmented ones for a dataset without optimisation.
POSES_OF = {"studio": RAW, "random": PLANNED}


# Everything random about every image is decided here, once; the shards only execute rows of the plan.
rule plan:
    input:
        f"{SKINS}/skins.json",
        PANORAMAS,
        code("renderih_lib/render/plan.py"),
        poses=lambda wildcards: POSES_OF.get(wildcards.dataset.split("-")[0], ACCEPTED),
    output:
        f"{RESULTS}/datasets/{{dataset}}/plan.parquet",
    wildcard_constraints:
        dataset="|".join(DATASETS),
    params:
        seed=SEED,
    priority: 17
    shell:
        "{PYTHON:q} -m renderih_lib.render.plan --poses {input.poses:q} --skins {SKINS:q} --environments {PLACES:q}"
        " --out {output:q} --dataset {wildcards.dataset} --scale {SIZES.name} --seed {params.seed}"


# One Blender worker a shard; shard-NNNNN.json is the only done-marker.
rule shard:
    input:
        code("renderih_lib/render/worker.py"),
        BLENDER,
        plan=f"{RESULTS}/datasets/{{dataset}}/plan.parquet",
    output:
        multiext(f"{RESULTS}/datasets/{{dataset}}/shard-{{shard}}", ".json", ".tar", ".parquet"),
    wildcard_constraints:
        dataset="|".join(DATASETS),
        shard=r"\d{5}",
    params:
        device=DEVICE,
        folder=lambda wildcards: f"{RESULTS}/datasets/{wildcards.dataset}",
        number=lambda wildcards: int(wildcards.shard),
    # Those first that notebook 12 waits for, which takes longest.
    priority: lambda wildcards: 17 if wildcards.dataset.startswith("studio") else 5
    retries: 1
    shell:
        "{PYTHON:q} -m renderih_lib.render.worker --plan {input.plan:q} --shard {params.number} --out {params.folder:q}"
        " --device {params.device} --threads {threads}"


# One training run; several notebooks read each. A run that was ended goes on from its checkpoint.
rule experiment:
    input:
        lambda wildcards: sum((shards(STAND_INS[role]) for role in roles_of(EXPERIMENTS[wildcards.name])), []),
        lambda wildcards: (
            f"{RESULTS}/experiments/{EXPERIMENTS[wildcards.name].after}-{wildcards.seed}/metrics.json"
            if EXPERIMENTS[wildcards.name].after
            else []
        ),
        code=code("renderih_lib/train/run.py"),
    output:
        f"{RESULTS}/experiments/{{name}}-{{seed}}/metrics.json",
    wildcard_constraints:
        name="|".join(EXPERIMENTS),
        seed=r"\d+",
    params:
        data_root=DATA_ROOT,
    priority: 4
    shell:
        "{PYTHON:q} -m renderih_lib.train.run --experiment {wildcards.name} --seed {wildcards.seed} --scale {SIZES.name}"
        " --datasets {RESULTS}/datasets --data-root={params.data_root:q} --out {RESULTS}/experiments --threads {threads}"
