/* hub_routes: where a frame goes, by its header; requests that wait, and who leads.
 *
 * Runs in:  master, inside the hub.
 * Blocks:   never.
 * Owns:     nothing; its tables stand in the hub. */
#ifndef FF_HUB_ROUTES_H
#define FF_HUB_ROUTES_H

#include "hub.h"

/* Passes on one frame of `f->link`. False: a receiver is behind, try again; only if `may_wait`. */
bool ff_hub_route(struct ff_hub *h, struct ff_frame *f, const char *topic, const char *part,
                  bool may_wait);

/* Link `i` is gone: who waits for its answers is told, and somebody else leads. */
void ff_hub_forget(struct ff_hub *h, uint32_t i);

/* Something may be written to link `i`. */
void ff_hub_touch(struct ff_hub *h, uint32_t i);

#endif
