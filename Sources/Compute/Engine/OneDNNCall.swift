internal import COneDNN
import Files

/// Checks calls of oneDNN's C API.
enum OneDNNCall {
  /// - Parameters:
  ///   - status: the status that the call returned.
  ///   - call: the function's name, or what it was to make.
  /// - Throws: `NormaError` with `call` and the status, unless the status is success.
  static func check(_ status: dnnl_status_t, _ call: @autoclosure () -> String) throws {
    guard status != dnnl_success else { return }
    throw NormaError.oneDNN(call(), answered: String(cString: dnnl_status2str(status)).replacing("dnnl_", with: ""))
  }
}
