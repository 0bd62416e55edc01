"""What docs/benchmarks.md says beside the numbers."""

TEXT = '''# Speed and memory

How long each method takes, and how much memory, beside the raw `session.run` that it cannot do without \
(the *floor*), and beside Captum, zennit, SHAP's
DeepExplainer and Xplique on the same networks with the same weights. Written by `benchmarks/speed.py`; \
every number is one of
`benchmarks/results.json`. To reproduce (the peers come from PyPI, into environments of their own, on first \
use):

```
make benchmark                              # about 90 minutes on 2 idle cores
make benchmark ARGUMENTS=--quick            # about 5 minutes: fewer repetitions, rows and networks
make benchmark ARGUMENTS="--only mnist"     # one workload; the results of the others stay
make benchmark ARGUMENTS="--methods lrp*"   # some methods; likewise
```

{machine}

{versions}

## How it is measured

- Every library runs in a process of its own, with the threads that it chooses itself, and is asked in turn \
for one repetition: a slow moment of the
  machine falls on all. Times are medians, with quartiles, of 3 to 15 repetitions after a warm-up, which \
builds and traces; of what takes long, of
  fewer, down to the warm-up itself. A call that takes less than 20 ms is repeated within one repetition.
- The **floor**: gradients or values of the same rows by `session.run` (`make_callable`), in our process \
and session, at the batch size that gave
  most rows per second, times the evaluations that the method cannot do without: 1 gradient per row; \
{steps} for intgrad and smoothgrad; windows + 1 or players + 1
  values for occlusion and shapley_sampling; of methods that draw masks those drawn, on 7 x 7 cells; \
for the methods of a layer, the last activation with spatial \
axes, gradients with respect to it. Floors of more than about a second are measured in part.
- All explain one output of the network, against a baseline of 0, with {steps} steps, the same windows, the \
same players and one permutation, elrp
  with epsilon = 1e-4. Ours runs with its defaults, the batch size among them.
- *jit_compile* is ours with that option, after XLA has compiled. Convolutions of images by XLA take many \
times as long on a CPU, so that
  little of such networks is measured with it.
- The peers get the batch size that gave most rows per second in the raw network, where they take one \
(`internal_batch_size`,
  `perturbations_per_eval`, `batch_size`). Torch networks are channels first, with a module for every layer \
and activation, as Captum asks for;
  Captum's LRP has its epsilon rule at every layer that has one and at Conv1d; waiting threads of torch \
spin for 0.2 ms only, so that they do not
  hold a core that another process wants. SHAP gets a network with the explained output alone, and one row \
of background.
- Outputs are compared first: a library whose outputs differ by more than 1e-3 of the largest is not \
measured. *Difference* is the largest of the
  attributions from ours, relative to our largest. It is no error where definitions differ: max pooling in \
DeepLIFT, the quadrature of
  Xplique, biases and normalization in LRP, maps that are scaled, and what a peer has no rule for.
- Memory is the largest resident memory of the process during a call, the library, TensorFlow or torch, and \
the network included; measured before the
  times, with the batch size that ours chooses on all sides.
'''

BEHIND = '''Where ours is behind, and why:

- Recurrent layers. TensorFlow runs a loop of single ops, with lists of what the way back needs, where \
torch has one fused kernel: the floor itself is
  several times slower than Captum. `jit_compile=True` makes one machine loop of it, see below. (Captum's \
DeepLift of an LSTM is its plain
  gradient, see the difference.)
- DeepLIFT in small convolutional networks and in loops. Where the gradient of a ReLU is one pass over \
memory the rule is seven, two of them against
  infinities, and where that of a max pooling is one way back the rule is three; TensorFlow does not fuse \
them. Large convolutions and dense
  layers hide that.
- Rules of LRP at linear ops are several convolutions each, forward and back: two with z+ and flat, four \
with alpha-beta and gamma. The peers do the
  same, and keep less of it in one graph.
- Methods of a layer in small networks, whose layer gradient is a few milliseconds: maps are enlarged and \
added up in NumPy beside it. smoothgrad draws its
  noise there too.
- rise, lime and sobol of one image of a larger network: a run holds the rows that keep its tensors small, \
which is up to a tenth slower than the
  best number, and the peers get that.
- Single rows of small networks, where making the inputs of occlusion and shapley_sampling in NumPy shares \
the cores with the network.
'''
