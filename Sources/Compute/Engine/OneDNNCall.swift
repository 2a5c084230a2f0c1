internal import COneDNN
import Files

/// A call of oneDNN's C API, which answers whether it succeeded.
enum OneDNNCall {
  /// - Parameters:
  ///   - status: the answer.
  ///   - call: the function's name.
  /// - Throws: `NormaError` that names the function and its answer, where that is not success.
  static func check(_ status: dnnl_status_t, _ call: @autoclosure () -> String) throws {
    guard status != dnnl_success else { return }
    throw NormaError.oneDNN(call(), answered: String(cString: dnnl_status2str(status)).replacing("dnnl_", with: ""))
  }
}
