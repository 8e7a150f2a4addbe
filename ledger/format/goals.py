"""Which way a well-known metric is better, by its name: `val/auc` is to be maximized, `train_loss` minimized.

A schema that declares a goal comes first; `schema.py` asks here where none is declared.
"""

import re

_MINIMIZE_WORDS = """
    abs_rel ae aic bic bpb bpc bits_per_byte bits_per_character brier brier_score cer cost cross_entropy crossentropy
    crps der deviance divergence ece eer epe err error error_rate false_discovery_rate false_negative_rate
    false_positive_rate fdr fid fid_score fnr fpr kid kl kld latency latency_ms latency_s log_loss logloss loss lpips
    log_cosh mae mape mase max_error mean_relative_error median_ae mpjpe mse msle negative_likelihood_ratio
    negative_log_likelihood neg_log_likelihood nll perplexity ppl regret rmse rmsle smape ter wape wer
"""
_MAXIMIZE_WORDS = """
    acc acc1 acc5 accuracy ap ari auc aupr auprc auroc average_precision balanced_accuracy bleu chrf cohen_kappa
    cosine_similarity d2_absolute_error_score d2_brier_score d2_log_loss_score dice elbo explained_variance f0.5 f1
    f2 fbeta fps hit_rate iou jaccard kappa ks likelihood map map50 mcc mean_iou meteor miou mrr ndcg
    positive_likelihood_ratio neg_brier_score neg_log_loss neg_max_error neg_mean_absolute_error
    neg_mean_absolute_percentage_error neg_mean_squared_error neg_mean_squared_log_error neg_median_absolute_error
    neg_root_mean_squared_error nmi npv ppv pr_auc prauc precision psnr r2 recall return reward roc_auc rocauc rouge
    rouge1 rouge2 rouge_1 rouge_2 rouge_l rougel rougelsum sacrebleu score sensitivity silhouette specificity ssim
    success_rate throughput tnr tpr true_negative_rate true_positive_rate win_rate
"""
_MINIMIZE = frozenset(_MINIMIZE_WORDS.split())
_MAXIMIZE = frozenset(_MAXIMIZE_WORDS.split())
# `f1_macro` is an f1; `std_accuracy` is no accuracy, and nobody can say which way `neg_loss` is meant.
_AVERAGES = frozenset({"macro", "micro", "weighted", "ovr", "ovo"})
_OTHER_QUANTITY = frozenset(
    {"delta", "diff", "inverse", "minus", "n", "neg", "negative", "num", "rank", "std", "var"},
)


def known_goal(name: str) -> str | None:
    """Return the goal that a metric's name stands for by custom (`val/auc`: maximize), or None.

    The last `/` part decides, without case and without `@k`: it, or its last words (`top_5_accuracy`), must be known.
    """
    words = re.split("[_ -]", name.rpartition("/")[2].partition("@")[0].lower())
    if len(words) > 1 and words[-1] in _AVERAGES:
        words.pop()
    for start, word in enumerate(words):
        ending = "_".join(words[start:])
        if ending in _MINIMIZE:
            return "minimize"
        if ending in _MAXIMIZE:
            return "maximize"
        if word in _OTHER_QUANTITY:
            return None
    return None
