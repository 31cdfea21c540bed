/* A small face of librte_acl, so that both classifiers run in one process; see peer.py. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sched.h>
#include <rte_eal.h>
#include <rte_acl.h>
#include <rte_memory.h>
#include <rte_malloc.h>
#include <rte_log.h>

struct tup { uint8_t proto; uint32_t src, dst; uint16_t sp, dp; } __attribute__((packed));
/* padded to 16 bytes so records never straddle 64-byte lines badly */
struct rec { struct tup t; uint8_t pad[3]; } __attribute__((packed));

enum { F_PROTO, F_SRC, F_DST, F_SP, F_DP, NF };
static struct rte_acl_field_def defs[NF] = {
  { .type = RTE_ACL_FIELD_TYPE_BITMASK, .size = 1, .field_index = 0, .input_index = 0, .offset = 0 },
  { .type = RTE_ACL_FIELD_TYPE_MASK, .size = 4, .field_index = 1, .input_index = 1, .offset = 1 },
  { .type = RTE_ACL_FIELD_TYPE_MASK, .size = 4, .field_index = 2, .input_index = 2, .offset = 5 },
  { .type = RTE_ACL_FIELD_TYPE_RANGE, .size = 2, .field_index = 3, .input_index = 3, .offset = 9 },
  { .type = RTE_ACL_FIELD_TYPE_RANGE, .size = 2, .field_index = 4, .input_index = 3, .offset = 11 },
};
RTE_ACL_RULE_DEF(acl5, NF);

static int thp(const struct rte_memseg_list *msl, void *arg)
{ (void)arg; madvise(msl->base_va, msl->len, MADV_HUGEPAGE); return 0; }

int racl_init(const char *mem_mb, int hugehint)
{
  cpu_set_t old; sched_getaffinity(0, sizeof old, &old);
  char *av[] = { "racl", "--no-huge", "--no-pci", "-l", "0", "-m", (char *)mem_mb,
                 "--no-telemetry", "--no-shconf", "--force-max-simd-bitwidth=512", "--log-level=4", NULL };
  int r = rte_eal_init(11, av);
  if (hugehint) rte_memseg_list_walk(thp, NULL);
  sched_setaffinity(0, sizeof old, &old);
  return r;
}
static int plen(uint32_t lo, uint32_t hi) { uint32_t x = lo ^ hi; return x ? __builtin_clz(x) : 32; }

void *racl_build(const char *name, int n, const uint32_t *slo, const uint32_t *shi, const uint32_t *dlo, const uint32_t *dhi,
  const uint16_t *splo, const uint16_t *sphi, const uint16_t *dplo, const uint16_t *dphi,
  const uint8_t *plo, const uint8_t *phi, uint64_t maxsize)
{
  struct rte_acl_param p = { .name = name, .socket_id = SOCKET_ID_ANY, .rule_size = RTE_ACL_RULE_SZ(NF), .max_rule_num = n + 1 };
  struct rte_acl_ctx *c = rte_acl_create(&p);
  if (!c) return NULL;
  struct acl5 *r = calloc(n, sizeof *r);
  for (int i = 0; i < n; i++) {
    r[i].data.category_mask = 1; r[i].data.priority = RTE_ACL_MAX_PRIORITY - i; r[i].data.userdata = i + 1;
    r[i].field[0].value.u8 = plo[i] == phi[i] ? plo[i] : 0; r[i].field[0].mask_range.u8 = plo[i] == phi[i] ? 0xff : 0;
    r[i].field[1].value.u32 = slo[i]; r[i].field[1].mask_range.u32 = plen(slo[i], shi[i]);
    r[i].field[2].value.u32 = dlo[i]; r[i].field[2].mask_range.u32 = plen(dlo[i], dhi[i]);
    r[i].field[3].value.u16 = splo[i]; r[i].field[3].mask_range.u16 = sphi[i];
    r[i].field[4].value.u16 = dplo[i]; r[i].field[4].mask_range.u16 = dphi[i];
  }
  int e = rte_acl_add_rules(c, (struct rte_acl_rule *)r, n);
  free(r);
  if (e) { fprintf(stderr, "add %d\n", e); return NULL; }
  struct rte_acl_config cfg; memset(&cfg, 0, sizeof cfg);
  cfg.num_categories = 1; cfg.num_fields = NF; memcpy(cfg.defs, defs, sizeof defs); cfg.max_size = maxsize;
  e = rte_acl_build(c, &cfg);
  if (e) { fprintf(stderr, "build %d\n", e); rte_acl_free(c); return NULL; }
  return c;
}
void racl_free(void *c) { rte_acl_free(c); }

struct trace { long n; struct rec *r; const uint8_t **p; };
void *racl_trace(long n, const uint32_t *src, const uint32_t *dst, const uint16_t *sp, const uint16_t *dp, const uint8_t *pr)
{
  struct trace *t = malloc(sizeof *t); t->n = n;
  size_t z = (n * sizeof(struct rec) + (2u << 20)) & ~((2ul << 20) - 1);
  t->r = aligned_alloc(2u << 20, z); madvise(t->r, z, MADV_HUGEPAGE);
  size_t z2 = (n * 8 + (2u << 20)) & ~((2ul << 20) - 1);
  t->p = aligned_alloc(2u << 20, z2); madvise(t->p, z2, MADV_HUGEPAGE);
  for (long i = 0; i < n; i++) {
    t->r[i].t.proto = pr[i]; t->r[i].t.src = __builtin_bswap32(src[i]); t->r[i].t.dst = __builtin_bswap32(dst[i]);
    t->r[i].t.sp = __builtin_bswap16(sp[i]); t->r[i].t.dp = __builtin_bswap16(dp[i]);
    t->p[i] = (const uint8_t *)&t->r[i];
  }
  return t;
}
void racl_trace_free(void *v) { struct trace *t = v; free(t->r); free(t->p); free(t); }
int racl_classify(void *c, void *v, int batch, int alg, uint32_t *res)
{
  struct trace *t = v;
  for (long i = 0; i < t->n; i += batch) {
    int k = t->n - i < batch ? t->n - i : batch;
    int e = rte_acl_classify_alg(c, t->p + i, res + i, k, 1, alg);
    if (e) return e;
  }
  return 0;
}
long racl_heap(void) { struct rte_malloc_socket_stats s; rte_malloc_get_socket_stats(0, &s); return s.heap_allocsz_bytes; }
