"""Search spaces, supernet, gates, search algorithms, child networks, data and training."""

import os

# TensorFlow reads these once, when it is first imported. Its oneDNN kernels compute depthwise
# convolutions and fused batch normalization several times faster than Eigen's, but are off by
# default on CPUs without AVX-512. Their last bits may differ from one process to the next; set
# TF_ENABLE_ONEDNN_OPTS=0 where a resumed run must equal an uninterrupted one to the bit.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
