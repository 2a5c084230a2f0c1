/// Operations on symmetric matrices that distances and directions need.
package enum SquareMatrix {
  package static func trace(_ a: [[Double]]) -> Double { a.indices.reduce(0) { $0 + a[$1][$1] } }

  package static func product(_ a: [[Double]], _ b: [[Double]]) -> [[Double]] {
    let n = a.count
    var result = [[Double]](repeating: [Double](repeating: 0, count: n), count: n)
    for i in 0..<n {
      for k in 0..<n where a[i][k] != 0 {
        let factor = a[i][k]
        for j in 0..<n { result[i][j] += factor * b[k][j] }
      }
    }
    return result
  }

  /// Sums over rows of the products of their numbers, `[n, n]` for rows of `n` numbers; at least one row.
  package static func products(of rows: [[Float]]) -> [[Double]] {
    let n = rows[0].count
    var sums = [Double](repeating: 0, count: n * n)
    sums.withUnsafeMutableBufferPointer { sums in
      for row in rows {
        row.withUnsafeBufferPointer { row in
          for i in 0..<n where row[i] != 0 {
            let factor = Double(row[i])
            for j in 0...i { sums[i &* n &+ j] += factor * Double(row[j]) }
          }
        }
      }
    }
    return (0..<n).map { i in (0..<n).map { j in sums[max(i, j) * n + min(i, j)] } }
  }

  /// The lower triangular matrix `l` with `l lᵀ = a`, for a symmetric positive definite matrix.
  package static func cholesky(_ a: [[Double]]) -> [[Double]] {
    let n = a.count
    var l = [[Double]](repeating: [Double](repeating: 0, count: n), count: n)
    for i in 0..<n {
      for j in 0...i {
        let rest = a[i][j] - (0..<j).reduce(0) { $0 + l[i][$1] * l[j][$1] }
        l[i][j] = i == j ? max(rest, 1e-300).squareRoot() : rest / l[j][j]
      }
    }
    return l
  }

  /// The inverse of a lower triangular matrix, which is lower triangular too.
  package static func lowerInverse(_ l: [[Double]]) -> [[Double]] {
    let n = l.count
    var result = [[Double]](repeating: [Double](repeating: 0, count: n), count: n)
    for i in 0..<n {
      for k in 0..<i where l[i][k] != 0 {
        let factor = l[i][k]
        for j in 0...k { result[i][j] -= factor * result[k][j] }
      }
      for j in 0..<i { result[i][j] /= l[i][i] }
      result[i][i] = 1 / l[i][i]
    }
    return result
  }

  /// The solution of `a x = b` for a positive definite matrix, by Cholesky decomposition.
  package static func solve(_ a: [[Double]], _ b: [Double]) -> [Double] {
    let n = b.count
    let l = cholesky(a)
    var y = b
    for i in 0..<n { y[i] = (b[i] - (0..<i).reduce(0) { $0 + l[i][$1] * y[$1] }) / l[i][i] }
    for i in (0..<n).reversed() {
      y[i] = (y[i] - (i + 1..<max(n, i + 1)).reduce(0) { $0 + l[$1][i] * y[$1] }) / l[i][i]
    }
    return y
  }

  /// The inverse of a symmetric positive definite matrix, by Gauss-Jordan elimination with pivoting.
  package static func inverse(_ matrix: [[Double]]) -> [[Double]] {
    let n = matrix.count
    var a = matrix
    var result = (0..<n).map { i in (0..<n).map { $0 == i ? 1.0 : 0.0 } }
    for column in 0..<n {
      let pivot = (column..<n).max { abs(a[$0][column]) < abs(a[$1][column]) }!
      a.swapAt(column, pivot)
      result.swapAt(column, pivot)
      let scale = 1 / a[column][column]
      for j in 0..<n {
        a[column][j] *= scale
        result[column][j] *= scale
      }
      for i in 0..<n where i != column {
        let factor = a[i][column]
        for j in 0..<n {
          a[i][j] -= factor * a[column][j]
          result[i][j] -= factor * result[column][j]
        }
      }
    }
    return result
  }

  /// The largest eigenvalues of a symmetric matrix, in descending order, and their eigenvectors.
  package static func principal(_ a: [[Double]], count: Int) -> (values: [Double], vectors: [[Double]]) {
    let (values, vectors) = eigen(a)
    let order = values.indices.sorted { values[$0] > values[$1] }.prefix(count)
    return (order.map { values[$0] }, order.map { k in vectors.map { $0[k] } })
  }

  package static func eigenvalues(_ a: [[Double]]) -> [Double] { eigen(a).values }

  /// The symmetric square root of a positive semidefinite matrix.
  package static func squareRoot(_ a: [[Double]]) -> [[Double]] {
    let (values, vectors) = eigen(a)
    let n = a.count
    var result = [[Double]](repeating: [Double](repeating: 0, count: n), count: n)
    for k in 0..<n {
      let root = max(values[k], 0).squareRoot()
      for i in 0..<n { for j in 0..<n { result[i][j] += root * vectors[i][k] * vectors[j][k] } }
    }
    return result
  }

  /// Eigenvalues of a symmetric matrix, and its eigenvectors as columns, by Jacobi rotations.
  /// Source: Golub & Van Loan 2013, "Matrix Computations", section 8.5.
  private static func eigen(_ matrix: [[Double]]) -> (values: [Double], vectors: [[Double]]) {
    let n = matrix.count
    var a = matrix.flatMap { $0 }
    var v = (0..<n * n).map { $0 / n == $0 % n ? 1.0 : 0.0 }
    let size = a.reduce(0) { $0 + $1 * $1 }
    for _ in 0..<60 {
      var off = 0.0
      for p in 0..<n { for q in p + 1..<max(n, p + 1) { off += a[p * n + q] * a[p * n + q] } }
      if off <= 1e-22 * size { break }
      for p in 0..<n {
        for q in p + 1..<max(n, p + 1) where abs(a[p * n + q]) > 1e-300 {
          let theta = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q])
          let t = (theta < 0 ? -1.0 : 1.0) / (abs(theta) + (theta * theta + 1).squareRoot())
          let c = 1 / (t * t + 1).squareRoot()
          let s = t * c
          for k in 0..<n {
            let (x, y) = (a[k * n + p], a[k * n + q])
            (a[k * n + p], a[k * n + q]) = (c * x - s * y, s * x + c * y)
          }
          for k in 0..<n {
            let (x, y) = (a[p * n + k], a[q * n + k])
            (a[p * n + k], a[q * n + k]) = (c * x - s * y, s * x + c * y)
          }
          for k in 0..<n {
            let (x, y) = (v[k * n + p], v[k * n + q])
            (v[k * n + p], v[k * n + q]) = (c * x - s * y, s * x + c * y)
          }
        }
      }
    }
    return ((0..<n).map { a[$0 * n + $0] }, (0..<n).map { i in Array(v[i * n..<(i + 1) * n]) })
  }
}
