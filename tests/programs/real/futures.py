from concurrent.futures import ThreadPoolExecutor

from work import hot_handler, progress

done = 0
with ThreadPoolExecutor(3, thread_name_prefix="futures") as executor:
    while True:
        done += len(list(executor.map(hot_handler, [0.005] * 20)))
        progress(done)
