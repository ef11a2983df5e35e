"""The ports on AWS; the only importers of boto3 and Powertools."""

import gc
import os

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    gc.disable()  # until the first client: a cold start makes what stays, a sixth of it was collecting
