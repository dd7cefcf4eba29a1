"""Networks by hand and by torch.

convolution.py      a convolution as one matrix product
layers.py           layers with their forward and backward pass, and the losses
network.py          a chain of layers, and its training
autograd.py         a tape of operations, each beside its derivative
gradient_check.py   central differences
trace.py            backpropagation written out neuron by neuron
modules.py          one update of a torch module, and its accuracy
vision.py           a small convolutional network in torch, its training loop, TensorBoard
"""
