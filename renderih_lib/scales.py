"""Sizes of every stage, one `Scale` per name: the only place where sizes live (DESIGN section 8)."""

import math
from dataclasses import dataclass

#: The rendered datasets, in the order in which the report names them: the paper's recipe, then the domains that
#: stand in for other datasets (DESIGN section 7), as domain-split.
DATASETS = (
    "gallery",
    "renderih-train",
    "renderih-test",
    "studio-train",
    "studio-test",
    "tabletop-test",
    "random-train",
    "objects-train",
)

#: Role of a dataset in the paper's experiments -> the rendered dataset that stands in for it, or is it.
STAND_INS = {
    "interhand26m-train": "studio-train",
    "interhand26m-test": "studio-test",
    "renderih-train": "renderih-train",
    "renderih-test": "renderih-test",
    "tzionas-test": "tabletop-test",
    "h2o3d-train": "objects-train",
    "ego3dhands-train": "random-train",
}


@dataclass(frozen=True)
class Scale:
    """All sizes of one scale. Lengths are pixels, counts are counts; nothing here depends on the machine."""

    name: str
    raw_poses: int  # distinct natural interactions that augmentation starts from
    augmentations: int  # I of Eq. 1: augmented poses per raw pose
    pose_shard: int  # augmented pairs in one shard of the pose optimisation
    optimise_batch: int  # of them, pairs optimised together
    study_pairs: int  # pairs of each variant in a notebook's comparison
    discriminator_poses: int
    discriminator_steps: int
    texture_size: int  # pixels of a square skin texture
    textures: int
    rooms: int  # interiors path-traced into panoramas
    skies: int  # places under open sky, likewise
    domes: int  # capture domes, likewise, for the studio domain
    panorama_width: int  # pixels; half as high
    gallery_images: int  # pictures at the paper's size, for notebook 09
    gallery_width: int
    gallery_height: int
    gallery_samples: int  # Cycles samples per pixel
    train_poses: int  # pairs of hands in renderih-train
    test_poses: int  # in renderih-test, others than the training ones
    studio_poses: int  # in studio-train, which stands in for the real training images
    domain_poses: int  # in each of the other domains' training sets, which experiments compare at equal size
    domain_test_poses: int  # in each of the other domains' test sets
    views: int  # cameras per pose
    crop: int  # pixels of a square training crop
    crop_samples: int
    shard_images: int  # images rendered by one worker into one tar
    train_steps: int
    batch: int
    image_size: int  # pixels at the network's input
    network: str  # preset of TransHand
    training: str  # preset of TrainSettings
    eval_every: int  # training steps
    experiment_steps: int  # of each run of `train.experiments`
    experiment_batch: int
    experiment_seeds: int  # runs of each experiment
    real_shares: tuple[float, ...]  # of the real training images, points of Figure 13 beside all of them
    synthetic_shares: tuple[float, ...]  # of the synthetic ones, points of Figure 12 beside none and all
    disk_gb: float  # free space that a run asks for
    cell_minutes: float  # a notebook's cell that takes longer is stopped

    @property
    def pairs(self) -> int:
        """Two-hand poses that are augmented and optimised."""
        return self.raw_poses * self.augmentations

    @property
    def pose_shards(self) -> int:
        """Shards of the pose optimisation; the last one may be short."""
        return math.ceil(self.pairs / self.pose_shard)

    @property
    def panoramas(self) -> tuple[str, ...]:
        """Names of the generated places: room-0000, ..., sky-0000, ..., dome-0000, ..."""
        counts = {"room": self.rooms, "sky": self.skies, "dome": self.domes}
        return tuple(f"{kind}-{number:04d}" for kind, count in counts.items() for number in range(count))

    def images(self, dataset: str) -> int:
        """Images of one of `DATASETS`."""
        return self.poses(dataset) * (1 if dataset == "gallery" else self.views)

    def poses(self, dataset: str) -> int:
        """Pairs of hands placed before the cameras of one of `DATASETS`."""
        _check_dataset(dataset)
        own = {
            "gallery": self.gallery_images,
            "renderih-train": self.train_poses,
            "renderih-test": self.test_poses,
            "studio-train": self.studio_poses,
            "studio-test": self.domain_test_poses,
            "tabletop-test": self.domain_test_poses,
        }
        return own.get(dataset, self.domain_poses)

    def shards(self, dataset: str) -> int:
        """Shards of one of `DATASETS`; the last one may be short."""
        return math.ceil(self.images(dataset) / self.shard_images)


_SCALES = {
    "tiny": Scale(
        name="tiny",
        raw_poses=3,
        augmentations=4,
        pose_shard=6,
        optimise_batch=6,
        study_pairs=4,
        discriminator_poses=2_000,
        discriminator_steps=100,
        texture_size=256,
        textures=2,
        rooms=1,
        skies=1,
        domes=2,
        panorama_width=256,
        gallery_images=2,
        gallery_width=192,
        gallery_height=125,
        gallery_samples=4,
        train_poses=6,
        test_poses=3,
        studio_poses=3,
        domain_poses=2,
        domain_test_poses=2,
        views=2,
        crop=64,
        crop_samples=2,
        shard_images=8,
        train_steps=30,
        batch=8,
        image_size=64,
        network="tiny",
        training="demo",
        eval_every=15,
        experiment_steps=10,
        experiment_batch=4,
        experiment_seeds=1,
        real_shares=(),
        synthetic_shares=(),
        disk_gb=0.5,
        cell_minutes=20,
    ),
    "demo": Scale(
        name="demo",
        raw_poses=128,
        augmentations=15,
        pose_shard=240,
        optimise_batch=32,
        study_pairs=64,
        discriminator_poses=12_000,
        discriminator_steps=1_200,
        texture_size=1_024,
        textures=30,
        rooms=12,
        skies=10,
        domes=2,
        panorama_width=1_024,
        gallery_images=60,
        gallery_width=512,
        gallery_height=334,
        gallery_samples=16,
        train_poses=600,
        test_poses=120,
        studio_poses=800,
        domain_poses=100,
        domain_test_poses=80,
        views=4,
        crop=112,
        crop_samples=3,
        shard_images=250,
        train_steps=3_000,
        batch=32,
        image_size=64,
        network="demo",
        training="demo",
        eval_every=500,
        experiment_steps=400,
        experiment_batch=16,
        experiment_seeds=1,
        real_shares=(0.1,),
        synthetic_shares=(0.5,),
        disk_gb=2,
        cell_minutes=60,
    ),
    "gpu": Scale(
        name="gpu",
        raw_poses=500,
        augmentations=30,
        pose_shard=2_500,
        optimise_batch=500,
        study_pairs=256,
        discriminator_poses=63_000,
        discriminator_steps=4_000,
        texture_size=2_048,
        textures=30,
        rooms=60,
        skies=60,
        domes=8,
        panorama_width=2_048,
        gallery_images=60,
        gallery_width=512,
        gallery_height=334,
        gallery_samples=16,
        train_poses=1_500,
        test_poses=120,
        studio_poses=1_000,
        domain_poses=200,
        domain_test_poses=80,
        views=4,
        crop=192,
        crop_samples=6,
        shard_images=500,
        train_steps=6_000,
        batch=64,
        image_size=128,
        network="gpu",
        training="demo",
        eval_every=500,
        experiment_steps=1_500,
        experiment_batch=64,
        experiment_seeds=3,
        real_shares=(0.01, 0.05, 0.1, 0.3, 0.5, 0.7),
        synthetic_shares=(0.1, 0.3, 0.5, 0.7),
        disk_gb=10,
        cell_minutes=240,
    ),
    "paper": Scale(
        name="paper",
        raw_poses=3_680,
        augmentations=30,
        pose_shard=3_680,
        optimise_batch=3_680,
        study_pairs=1_000,
        discriminator_poses=63_000,
        discriminator_steps=20_000,
        texture_size=2_048,
        textures=30,
        rooms=160,
        skies=132,
        domes=16,
        panorama_width=2_048,
        gallery_images=60,
        gallery_width=512,
        gallery_height=334,
        gallery_samples=64,
        train_poses=92_000,
        test_poses=10_000,
        studio_poses=36_600,
        domain_poses=4_000,
        domain_test_poses=4_000,
        views=10,
        crop=256,
        crop_samples=16,
        shard_images=1_000,
        train_steps=200_000,
        batch=64,
        image_size=256,
        network="paper",
        training="paper",
        eval_every=5_000,
        experiment_steps=200_000,
        experiment_batch=64,
        experiment_seeds=3,
        real_shares=(0.01, 0.05, 0.1, 0.3, 0.5, 0.7),
        synthetic_shares=(0.1, 0.3, 0.5, 0.7),
        disk_gb=500,
        cell_minutes=20160,
    ),
}

NAMES = tuple(_SCALES)


def scale_by_name(name: str) -> Scale:
    """The `Scale` called `name`; ValueError for a name that is none of `NAMES`."""
    if name not in _SCALES:
        raise ValueError(f"scale is {name!r}; choose one of {', '.join(NAMES)}")
    return _SCALES[name]


def _check_dataset(dataset: str) -> None:
    if dataset not in DATASETS:
        raise ValueError(f"dataset is {dataset!r}; choose one of {', '.join(DATASETS)}")
