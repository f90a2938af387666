"""Kedro's project settings."""

from kedro.config import OmegaConfigLoader

from genlab.hooks import GenlabHooks

HOOKS = (GenlabHooks(),)
CONFIG_LOADER_CLASS = OmegaConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "merge_strategy": {"parameters": "soft"},
    "config_patterns": {"tracking": ["tracking*"]},
}
