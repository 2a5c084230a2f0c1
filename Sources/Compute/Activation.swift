internal import COneDNN

/// `x * sigmoid(x)`, value by value. Source: Elfwing et al. 2017, arXiv:1702.03118 (SiLU).
package final class Activation: Layer {
  private let engine: Engine
  private var plans = Plans<Plan>()
  private var current: (plan: Plan, input: Tensor)?

  package init(engine: Engine) { self.engine = engine }

  package var parameters: [Parameter] { [] }

  package func forward(_ x: Tensor) throws(ComputeError) -> Tensor {
    let plan = try plans.plan(for: x.shape) { shape throws(ComputeError) in try Plan(shape, engine: engine) }
    current = (plan, x)
    try plan.forward.run([DNNL_ARG_SRC_0: x.memory, DNNL_ARG_DST_0: plan.output.memory])
    return plan.output
  }

  package func backward(_ gradient: Tensor) throws(ComputeError) -> Tensor {
    guard let (plan, input) = current else { preconditionFailure("activation: backward before forward") }
    try plan.backward.run([
      DNNL_ARG_SRC_0: input.memory, DNNL_ARG_DIFF_DST_0: gradient.memory,
      DNNL_ARG_DIFF_SRC_0: plan.inputGradient.memory,
    ])
    return plan.inputGradient
  }

  private final class Plan {
    let forward: Primitive
    let backward: Primitive
    let output: Tensor
    let inputGradient: Tensor

    init(_ shape: Shape, engine: Engine) throws(ComputeError) {
      output = try Tensor(shape, engine: engine)
      inputGradient = try Tensor(shape, engine: engine)
      let layout = try OneDNN.layout([shape.n, shape.c, shape.h, shape.w], dnnl_nhwc)
      let ahead = try OneDNN.swish(layout, backward: nil, engine: engine)
      forward = try Primitive(ahead, engine: engine)
      backward = try Primitive(OneDNN.swish(layout, backward: ahead, engine: engine), engine: engine)
    }
  }
}
