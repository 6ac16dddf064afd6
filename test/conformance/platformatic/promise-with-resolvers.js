/** @platformatic/kafka is made for Node 22; this is what it lacks on Node 20, apart from the zstd codec. */
Promise.withResolvers ??= function withResolvers() {
  let resolve
  let reject
  const promise = new this((...settle) => {
    resolve = settle[0]
    reject = settle[1]
  })
  return { promise, resolve, reject }
}
