"""The functions that models hold as data, and that may be called when a model is asked: arrays in, arrays out.

What is listed here must be safe with any arguments and keywords, since the file chooses them: no callable among them,
no name of a file or a module, no processes of joblib, no memory that is not the caller's, no setting of the process.
"""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.special

_NUMPY = """
    abs all allclose amax amin angle any append argmax argmin argpartition argsort argwhere around array array_equal
    asarray ascontiguousarray asfarray asfortranarray atleast_1d atleast_2d atleast_3d average bincount broadcast_to clip
    column_stack compress concatenate convolve copy corrcoef correlate count_nonzero cov cross cumprod cumsum cumulative_sum
    delete diag diff digitize dot dstack ediff1d einsum expand_dims extract fix flatnonzero flip fliplr flipud full_like
    gradient histogram hstack imag in1d inner interp intersect1d isclose iscomplex isin isneginf isposinf isreal kron
    matrix_transpose max mean median min moveaxis nan_to_num nanargmax nanargmin nancumprod nancumsum nanmax nanmean
    nanmedian nanmin nanpercentile nanprod nanquantile nanstd nansum nanvar nonzero ones ones_like outer partition percentile
    permute_dims polyfit polyval prod ptp quantile ravel real real_if_close repeat reshape resize roll rollaxis
    rot90 round searchsorted setdiff1d sort sort_complex split squeeze stack std sum swapaxes take take_along_axis tensordot
    tile trace transpose trapezoid trapz tril triu trim_zeros union1d unique unwrap vander var vstack where zeros zeros_like
"""
_SKLEARN = {
    "sklearn.feature_extraction.image": "extract_patches_2d grid_to_graph img_to_graph reconstruct_from_patches_2d",
    "sklearn.feature_extraction.text": "strip_accents_ascii strip_accents_unicode strip_tags",
    "sklearn.feature_selection": """
        chi2 f_classif f_oneway f_regression mutual_info_classif mutual_info_regression r_regression
    """,
    "sklearn.metrics": """
        accuracy_score adjusted_mutual_info_score adjusted_rand_score auc average_precision_score balanced_accuracy_score
        brier_score_loss calinski_harabasz_score class_likelihood_ratios cohen_kappa_score completeness_score
        confusion_matrix coverage_error d2_absolute_error_score d2_brier_score d2_log_loss_score d2_pinball_score
        d2_tweedie_score davies_bouldin_score dcg_score det_curve explained_variance_score f1_score fbeta_score
        fowlkes_mallows_score hamming_loss hinge_loss homogeneity_completeness_v_measure homogeneity_score jaccard_score
        label_ranking_average_precision_score label_ranking_loss log_loss matthews_corrcoef max_error mean_absolute_error
        mean_absolute_percentage_error mean_gamma_deviance mean_pinball_loss mean_poisson_deviance mean_squared_error
        mean_squared_log_error mean_tweedie_deviance median_absolute_error multilabel_confusion_matrix mutual_info_score
        ndcg_score normalized_mutual_info_score pair_confusion_matrix precision_recall_curve
        precision_recall_fscore_support precision_score r2_score rand_score recall_score roc_auc_score roc_curve
        root_mean_squared_error root_mean_squared_log_error top_k_accuracy_score v_measure_score zero_one_loss
    """,
    "sklearn.metrics.pairwise": """
        additive_chi2_kernel chi2_kernel cosine_distances cosine_similarity euclidean_distances haversine_distances
        laplacian_kernel linear_kernel manhattan_distances nan_euclidean_distances paired_cosine_distances
        paired_euclidean_distances paired_manhattan_distances polynomial_kernel rbf_kernel sigmoid_kernel
    """,
    "sklearn.preprocessing": """
        add_dummy_feature binarize label_binarize maxabs_scale minmax_scale normalize power_transform quantile_transform
        robust_scale scale
    """,
    "sklearn.utils.extmath": """
        cartesian density fast_logdet make_nonnegative row_norms safe_sparse_dot safe_sqr softmax squared_norm stable_cumsum
        svd_flip weighted_mode
    """,
    "sklearn.utils.validation": "as_float_array check_array check_non_negative column_or_1d",
}
_OTHERS = {
    "builtins": "abs len round sum",
    "numpy.fft": "fft fft2 fftn fftshift hfft ifft ifft2 ifftn ifftshift ihfft irfft irfft2 irfftn rfft rfft2 rfftn",
    "numpy.linalg": "cholesky cond det eigh eigvalsh inv matrix_rank norm pinv qr slogdet solve svd",
    "scipy.special": "log_softmax logsumexp softmax",
}
FUNCTIONS: Mapping[str, Sequence[str]] = {
    "numpy": _NUMPY.split(),
    **{module: names.split() for module, names in (_SKLEARN | _OTHERS).items()},
}


def functions() -> Iterator[Any]:
    """Each of them; what a version lacks is left out."""
    for module, names in FUNCTIONS.items():
        home = importlib.import_module(module)
        yield from (getattr(home, name) for name in names if hasattr(home, name))


def ufuncs() -> Iterator[str]:
    """The names of NumPy's and SciPy's functions of single numbers, also those of the modules that they bear."""
    for name in vars(np):
        if isinstance(getattr(np, name), np.ufunc):
            homes = (
                "numpy",
                "numpy._core.umath",
                "numpy._core._multiarray_umath",
                "numpy.core.umath",
                "numpy.core._multiarray_umath",
            )
            yield from (f"{home}.{name}" for home in homes)
    for name in vars(scipy.special):
        if not name.startswith("_") and isinstance(getattr(scipy.special, name), np.ufunc):
            yield from (f"{home}.{name}" for home in ("scipy.special", "scipy.special._ufuncs"))
