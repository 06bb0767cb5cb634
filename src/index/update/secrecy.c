#include "index/update/secrecy.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/error.h"

void cir__secrecy_restrict(cir__secrecy *secrecy, unsigned readers)
{
    if ((secrecy->readers & ~readers) == 0)
        return;
    secrecy->readers &= readers;
    mode_t allowed = S_IRWXU;
    if ((secrecy->readers & CIR__READABLE_BY_GROUP) != 0)
        allowed |= S_IRWXG;
    if ((secrecy->readers & CIR__READABLE_BY_OTHERS) != 0)
        allowed |= S_IRWXO;
    cir__folder_restrict(secrecy->folder, allowed);
}

cir_status cir__secrecy_init(cir__secrecy *secrecy, const cir__folder *folder, cir__scope *scope,
                             cir_error *err)
{
    struct stat facts;
    *secrecy = (cir__secrecy){.folder = folder};
    if (fstat(cir__folder_fd(folder), &facts) != 0)
        return cir__fail_errno(err, errno, "%s: cannot be examined", cir__folder_name(folder));
    secrecy->readers = ((facts.st_mode & S_IRWXG) != 0 ? CIR__READABLE_BY_GROUP : 0u) |
                       ((facts.st_mode & S_IRWXO) != 0 ? CIR__READABLE_BY_OTHERS : 0u);
    scope->group = facts.st_gid;
    for (size_t i = 0; i < scope->n_roots; i++)
        cir__secrecy_restrict(secrecy, cir__walk_find_readers(scope->roots[i], facts.st_gid));
    return CIR_OK;
}
