/** Aborts the request of an OpenAI SDK stream: ending its iterator alone would wait for the next chunk. */
export function stopOf(stream: object): () => void {
  return () => {
    const controller = 'controller' in stream ? stream.controller : undefined
    if (controller instanceof AbortController) controller.abort()
  }
}
