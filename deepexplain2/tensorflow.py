"""The import path of DeepExplain: `from deepexplain2.tensorflow import DeepExplain`."""

from .context import DeepExplain

__all__ = ['DeepExplain']
