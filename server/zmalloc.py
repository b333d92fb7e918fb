"""zmalloc.py - SKELETON, to be written."""


def zlibc_free(*args):
    raise NotImplementedError("zlibc_free")


def ztrymalloc_usable(*args):
    raise NotImplementedError("ztrymalloc_usable")


def zmalloc(*args):
    raise NotImplementedError("zmalloc")


def ztrymalloc(*args):
    raise NotImplementedError("ztrymalloc")


def zmalloc_usable(*args):
    raise NotImplementedError("zmalloc_usable")


def zmalloc_no_tcache(*args):
    raise NotImplementedError("zmalloc_no_tcache")


def zfree_no_tcache(*args):
    raise NotImplementedError("zfree_no_tcache")


def ztrycalloc_usable(*args):
    raise NotImplementedError("ztrycalloc_usable")


def zcalloc(*args):
    raise NotImplementedError("zcalloc")


def ztrycalloc(*args):
    raise NotImplementedError("ztrycalloc")


def zcalloc_usable(*args):
    raise NotImplementedError("zcalloc_usable")


def ztryrealloc_usable(*args):
    raise NotImplementedError("ztryrealloc_usable")


def zrealloc(*args):
    raise NotImplementedError("zrealloc")


def ztryrealloc(*args):
    raise NotImplementedError("ztryrealloc")


def zrealloc_usable(*args):
    raise NotImplementedError("zrealloc_usable")


def zmalloc_size(*args):
    raise NotImplementedError("zmalloc_size")


def zmalloc_usable_size(*args):
    raise NotImplementedError("zmalloc_usable_size")


def zfree(*args):
    raise NotImplementedError("zfree")


def zfree_usable(*args):
    raise NotImplementedError("zfree_usable")


def zstrdup(*args):
    raise NotImplementedError("zstrdup")


def zmalloc_used_memory(*args):
    raise NotImplementedError("zmalloc_used_memory")


def zmalloc_set_oom_handler(*args):
    raise NotImplementedError("zmalloc_set_oom_handler")


def zmalloc_get_rss(*args):
    raise NotImplementedError("zmalloc_get_rss")


def zmalloc_get_allocator_info(*args):
    raise NotImplementedError("zmalloc_get_allocator_info")


def set_jemalloc_bg_thread(*args):
    raise NotImplementedError("set_jemalloc_bg_thread")


def jemalloc_purge(*args):
    raise NotImplementedError("jemalloc_purge")


def zmalloc_get_smap_bytes_by_field(*args):
    raise NotImplementedError("zmalloc_get_smap_bytes_by_field")


def zmalloc_get_private_dirty(*args):
    raise NotImplementedError("zmalloc_get_private_dirty")


def zmalloc_get_memory_size(*args):
    raise NotImplementedError("zmalloc_get_memory_size")


def zmalloc_test(*args):
    raise NotImplementedError("zmalloc_test")
