/*
 * Stands in for GCC's OpenMP runtime under the thread sanitizer, which cannot see that one wait: with threads made, joined and
 * held by pthread calls, which it can, it judges what norma does in parallel loops. Has what Debian's oneDNN and norma use.
 */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct {
  void (*body)(void *);
  void *data;
  unsigned count;
  pthread_barrier_t barrier;
} team;

typedef struct {
  team *team;
  unsigned number;
} place;

static __thread place here;

static void *run(void *start) {
  here = *(place *)start;
  here.team->body(here.team->data);
  return NULL;
}

int omp_get_max_threads(void) {
  const char *wish = getenv("OMP_NUM_THREADS");
  int count = wish != NULL ? atoi(wish) : (int)sysconf(_SC_NPROCESSORS_ONLN);
  return count > 0 ? count : 1;
}

int omp_in_parallel(void) { return here.team != NULL && here.team->count > 1; }
int omp_get_num_threads(void) { return here.team != NULL ? (int)here.team->count : 1; }
int omp_get_thread_num(void) { return (int)here.number; }

void GOMP_barrier(void) {
  if (here.team != NULL) pthread_barrier_wait(&here.team->barrier);
}

void GOMP_parallel(void (*body)(void *), void *data, unsigned count, unsigned flags) {
  place before = here;
  team all = {.body = body, .data = data, .count = count > 0 ? count : (unsigned)omp_get_max_threads()};
  /* A loop within a loop has one thread, as OpenMP's by default. */
  if (omp_in_parallel()) all.count = 1;
  (void)flags;
  place places[all.count];
  pthread_t threads[all.count];
  pthread_barrier_init(&all.barrier, NULL, all.count);
  for (unsigned k = 0; k < all.count; k++) {
    places[k] = (place){&all, k};
    if (k > 0 && pthread_create(&threads[k], NULL, run, &places[k]) != 0) abort();
  }
  run(&places[0]);
  for (unsigned k = 1; k < all.count; k++) pthread_join(threads[k], NULL);
  pthread_barrier_destroy(&all.barrier);
  here = before;
}
