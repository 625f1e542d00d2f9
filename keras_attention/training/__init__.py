"""Losses, metrics, optimizer, schedules, callbacks and the exact training step."""

import keras  # noqa: F401 (before all modules of ours, which it brings: see _keras_hook)

from keras_attention.training.best_checkpoint import BestCheckpoint
from keras_attention.training.checkpoint_averaging import AverageCheckpoints, average_weights
from keras_attention.training.classification_scores import (
    classification_scores,
    multi_label_scores,
    regression_scores,
)
from keras_attention.training.distiller import Distiller
from keras_attention.training.inverse_square_root_schedule import InverseSquareRootSchedule
from keras_attention.training.label_smoothed_cross_entropy import LabelSmoothedCrossEntropy
from keras_attention.training.layerwise_adam_w import LayerwiseAdamW, layer_rate_scales
from keras_attention.training.linear_cross_entropy import linear_cross_entropy
from keras_attention.training.multiple_negatives_ranking import MultipleNegativesRanking
from keras_attention.training.noam_schedule import NoamSchedule
from keras_attention.training.preemption_handler import PreemptionHandler, TrainingInterrupted
from keras_attention.training.retrieval_scores import retrieval_scores
from keras_attention.training.snapshots import Snapshots, restore_latest, save_snapshot
from keras_attention.training.stop_at_nan import StopAtNaN
from keras_attention.training.token_loss import TokenLoss
from keras_attention.training.token_metrics import Perplexity, TokenAccuracy
from keras_attention.training.translation_scores import TranslationScores, translation_scores
from keras_attention.training.warmup_cosine_schedule import WarmupCosineSchedule
from keras_attention.training.warmup_linear_schedule import WarmupLinearSchedule
from keras_attention.training.workers import WorkerLost

__all__ = [
    "AverageCheckpoints",
    "BestCheckpoint",
    "Distiller",
    "PreemptionHandler",
    "InverseSquareRootSchedule",
    "LabelSmoothedCrossEntropy",
    "LayerwiseAdamW",
    "MultipleNegativesRanking",
    "NoamSchedule",
    "Perplexity",
    "Snapshots",
    "StopAtNaN",
    "TokenAccuracy",
    "TokenLoss",
    "TrainingInterrupted",
    "TranslationScores",
    "WarmupCosineSchedule",
    "WarmupLinearSchedule",
    "WorkerLost",
    "average_weights",
    "classification_scores",
    "layer_rate_scales",
    "linear_cross_entropy",
    "multi_label_scores",
    "regression_scores",
    "restore_latest",
    "retrieval_scores",
    "save_snapshot",
    "translation_scores",
]
