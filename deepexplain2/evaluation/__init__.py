"""Metrics of attributions, one file each; importing this package registers them all."""

from .agreement.rank_correlation import RankCorrelation
from .agreement.ssim import SSIM
from .agreement.top_k import TopK
from .base import Metric, metrics, register
from .comparison import Comparison
from .complexity.complexity import Complexity
from .complexity.effective_complexity import EffectiveComplexity
from .complexity.sparseness import Sparseness
from .faithfulness.average_drop import AverageDrop
from .faithfulness.average_gain import AverageGain
from .faithfulness.completeness import Completeness
from .faithfulness.deletion import Deletion
from .faithfulness.faithfulness_correlation import FaithfulnessCorrelation
from .faithfulness.increase_in_confidence import IncreaseInConfidence
from .faithfulness.infidelity import Infidelity
from .faithfulness.insertion import Insertion
from .faithfulness.irof import IROF
from .faithfulness.monotonicity import Monotonicity
from .faithfulness.mu_fidelity import MuFidelity
from .faithfulness.roar import ROAR
from .faithfulness.sensitivity_n import SensitivityN
from .localization.localization_auc import LocalizationAUC
from .localization.pointing_game import PointingGame
from .localization.relevance_mass import RelevanceMass
from .localization.relevance_rank import RelevanceRank
from .localization.top_k_intersection import TopKIntersection
from .randomization.model_randomization import ModelRandomization
from .randomization.random_logit import RandomLogit
from .robustness.average_sensitivity import AverageSensitivity
from .robustness.local_lipschitz import LocalLipschitz
from .robustness.max_sensitivity import MaxSensitivity
from .scores import Curve, Measured, Scores
from .stability import Stability, stability
from .trial import Trial

__all__ = ['IROF', 'ROAR', 'SSIM', 'AverageDrop', 'AverageGain', 'AverageSensitivity', 'Comparison',
           'Completeness', 'Complexity', 'Curve', 'Deletion', 'EffectiveComplexity',
           'FaithfulnessCorrelation', 'IncreaseInConfidence', 'Infidelity', 'Insertion', 'LocalLipschitz',
           'LocalizationAUC', 'MaxSensitivity', 'Measured', 'Metric', 'ModelRandomization', 'Monotonicity',
           'MuFidelity', 'PointingGame', 'RandomLogit', 'RankCorrelation', 'RelevanceMass', 'RelevanceRank',
           'Scores', 'SensitivityN', 'Sparseness', 'Stability', 'TopK', 'TopKIntersection', 'Trial',
           'metrics', 'register', 'stability']
