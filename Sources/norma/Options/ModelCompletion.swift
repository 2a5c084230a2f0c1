import ArgumentParser

extension CompletionKind {
  /// Files that can be models.
  static var model: CompletionKind { .file(extensions: ["safetensors"]) }
}
