import Files
import Foundation
import Reporting
import Threads

/// The batch scripts that analyze a study's shards and merge them.
struct SlurmScripts {
  /// Path of norma. This path and the next three are absolute, because jobs start in another folder.
  let program: String
  let study: String
  let model: String
  let output: String
  /// Number of shards of the study.
  let shards: Int
  /// Further options of `norma analyze`.
  let analysis: [String]

  var folder: String { output + "/slurm" }
  var shardFile: String { folder + "/shard.sh" }
  var mergeFile: String { folder + "/merge.sh" }

  /// How many times a shard that Slurm stopped may restart by itself. The limit ends a job that never makes progress.
  private static let mostRestarts = 20

  var shard: String {
    let command = ([program, "analyze", study, "--model", model, "--output", output] + analysis).map(ShellWord.quoted)
    return """
      #!/bin/bash
      #SBATCH --job-name=\(name)
      #SBATCH --requeue
      #SBATCH --open-mode=append
      #SBATCH --signal=B:TERM@60
      #SBATCH --output=\(Self.escaped(folder))/shard-%a.log
      # One shard of the study. norma goes on where it was stopped: finished cases are not computed again.
      set -u
      export OMP_NUM_THREADS="${SLURM_CPUS_PER_TASK:-1}"
      limit=()
      if [ -n "${SLURM_MEM_PER_NODE:-}" ] && [ "$SLURM_MEM_PER_NODE" -gt 0 ]; then
        limit=(--memory-limit "${SLURM_MEM_PER_NODE}MB")
      fi
      \(command.joined(separator: " ")) \\
        --shard "$SLURM_ARRAY_TASK_ID/\(shards)" ${limit[@]+"${limit[@]}"} &
      norma=$!
      trap 'kill -TERM "$norma" 2>/dev/null' TERM
      wait "$norma"
      status=$?
      # A signal ends the waiting before the program.
      while kill -0 "$norma" 2>/dev/null; do
        wait "$norma"
        status=$?
      done
      # Stopped by Slurm for its time, not by norma: the shard waits for its next turn.
      if [ "$status" -eq 143 ] && [ "${SLURM_RESTART_COUNT:-0}" -lt \(Self.mostRestarts) ]; then
        scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}" && sleep 60
      fi
      exit "$status"

      """
  }

  var merge: String {
    """
    #!/bin/bash
    #SBATCH --job-name=\(name)-merge
    #SBATCH --requeue
    #SBATCH --open-mode=append
    #SBATCH --output=\(Self.escaped(folder))/merge.log
    exec \([program, "merge", output, "--model", model].map(ShellWord.quoted).joined(separator: " "))

    """
  }

  /// Name of the report's jobs. Job names of Slurm have no spaces and no slashes.
  private var name: String {
    let title = (output as NSString).lastPathComponent
    return "norma-" + String(title.unicodeScalars.map { CharacterSet.alphanumerics.contains($0) ? Character($0) : "-" })
  }

  /// Escapes a path for an `#SBATCH` line, where a backslash keeps a character as it is and `%` begins a pattern.
  private static func escaped(_ path: String) -> String {
    let parts = path.replacingOccurrences(of: "%", with: "%%")
    return parts.contains(" ") ? "\"\(parts)\"" : parts
  }
}
